// Formula: y = sigmoid(x) (kind 0), tanh(x) (1), max(x, 0) (2), x or 0.01 x (3, leakyRelu), x or e^x - 1 (4, elu; both:
// the first where x > 0), ln(1 + e^x) (5, softplus).
// Source: elementwise; sigmoid as 1 / (1 + exp(-x)), tanh as 1 - 2 / (exp(2 x) + 1): exact limits, as exp overflows to
// infinity, where the built-in tanh may be infinity / infinity. NaN stays NaN, though some adapters' exp and max lose it.
// softplus is max(x, 0) + ln(1 + e^-|x|), the logarithm as 2 artanh(e / (2 + e)), whose series keeps a small e's digits.
// Shapes: x, y [count / 4] vec4f.
// Writes: y =
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, kind: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn keepNaN(result: vec4f, x: vec4f) -> vec4f {
  return select(result, x, (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
}

// ln(1 + e) for e in [0, 1]; the series leaves out q^7 / 15 with q <= 1 / 9.
fn log1p(e: vec4f) -> vec4f {
  let r = e / (2.0 + e);
  let q = r * r;
  let tail = 1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0));
  return 2.0 * r * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * tail)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let value = x[id.x];
  // One place that stores: six take long to compile on lavapipe.
  var result = vec4f(0.0);
  switch (params.kind) {
    case 0u: { result = keepNaN(1.0 / (1.0 + exp(-value)), value); }
    case 1u: { result = keepNaN(1.0 - 2.0 / (exp(2.0 * value) + 1.0), value); }
    case 2u: { result = select(value, vec4f(0.0), value < vec4f(0.0)); }
    case 3u: { result = select(0.01 * value, value, value > vec4f(0.0)); }
    case 4u: { result = keepNaN(select(expm1(value), value, value > vec4f(0.0)), value); }
    default: {
      let positive = select(vec4f(0.0), value, value > vec4f(0.0));
      result = keepNaN(positive + log1p(exp(-abs(value))), value);
    }
  }
  y[id.x] = result;
}
