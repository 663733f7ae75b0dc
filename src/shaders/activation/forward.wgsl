// Formula: y = sigmoid(x) (kind 0), tanh(x) (kind 1), max(x, 0) (kind 2).
// Source: elementwise; sigmoid as 1 / (1 + exp(-x)), tanh as 1 - 2 / (exp(2 x) + 1): exact limits, as exp overflows to
// infinity, where the built-in tanh may be infinity / infinity. NaN stays NaN, though some adapters' exp and max lose it.
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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let value = x[id.x];
  switch (params.kind) {
    case 0u: { y[id.x] = keepNaN(1.0 / (1.0 + exp(-value)), value); }
    case 1u: { y[id.x] = keepNaN(1.0 - 2.0 / (exp(2.0 * value) + 1.0), value); }
    default: { y[id.x] = select(value, vec4f(0.0), value < vec4f(0.0)); }
  }
}
