// Formula: dw_a[k] = sum_n e a[k, n]; dw_c = sum_n e cell; dw_z = sum_n e fed(z before); dbias = sum_n e; a component each gate.
// Source: adjoint of gated/forward in its weights. Each chunk sums its own coordinates; reduce/partials adds the chunks.
// Shapes: features [FEATURES, mp4], before [rows, mp4], theta [mp4], dGates [learned gates, mp4], partials [chunks, stride], of which FEATURES + 3, all vec4f.
// Writes: partials = when accumulate is 0, else += (components of fixed gates are 0)
// Grid: x over chunks in workgroups of 64, y over tiles of 4 features and one tile for the rest; chunk c takes n = c, c + chunks, ...

struct Params { mp4: u32, chunks: u32, stride: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> features: array<vec4f>;
@group(0) @binding(1) var<storage, read> before: array<vec4f>;
@group(0) @binding(2) var<storage, read> theta: array<vec4f>;
@group(0) @binding(3) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn adjointOf(mode: u32, n: u32) -> vec4f {
  if (mode < LEARNED) { return vec4f(0.0); }
  return dGates[(mode - LEARNED) * params.mp4 + n];
}

// Columns are gates, rows are four coordinates.
fn adjoints(n: u32) -> mat4x4f {
  return mat4x4f(
    adjointOf(FORGET, n),
    adjointOf(INPUT, n),
    adjointOf(MOMENTUM_FORGET, n),
    adjointOf(MOMENTUM_INPUT, n),
  );
}

fn fedTo(mode: u32, n: u32) -> vec4f {
  if (mode < LEARNED) { return vec4f(0.0); }
  return fedBack(before[(mode - LEARNED) * params.mp4 + n]);
}

fn put(k: u32, chunk: u32, value: vec4f) {
  let at = chunk * params.stride + k;
  if (params.accumulate == 0u) { partials[at] = value; } else { partials[at] += value; }
}

fn sumFeatures(first: u32, chunk: u32) {
  let k = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(FEATURES - 1u)) * params.mp4;
  var a0 = vec4f(0.0);
  var a1 = vec4f(0.0);
  var a2 = vec4f(0.0);
  var a3 = vec4f(0.0);
  for (var n = chunk; n < params.mp4; n += params.chunks) {
    let e = adjoints(n);
    a0 += features[k.x + n] * e;
    a1 += features[k.y + n] * e;
    a2 += features[k.z + n] * e;
    a3 += features[k.w + n] * e;
  }
  put(first, chunk, a0);
  if (first + 1u < FEATURES) { put(first + 1u, chunk, a1); }
  if (first + 2u < FEATURES) { put(first + 2u, chunk, a2); }
  if (first + 3u < FEATURES) { put(first + 3u, chunk, a3); }
}

fn sumRest(chunk: u32) {
  var cells = vec4f(0.0);
  var fed = vec4f(0.0);
  var bias = vec4f(0.0);
  for (var n = chunk; n < params.mp4; n += params.chunks) {
    let e = adjoints(n);
    var m = vec4f(0.0);
    if (MOMENTUM == 1u) { m = before[M_ROW * params.mp4 + n]; }
    let cell = theta[n];
    cells += vec4f(dot(cell, e[0]), dot(cell, e[1]), dot(m, e[2]), dot(m, e[3]));
    fed += vec4f(
      dot(fedTo(FORGET, n), e[0]),
      dot(fedTo(INPUT, n), e[1]),
      dot(fedTo(MOMENTUM_FORGET, n), e[2]),
      dot(fedTo(MOMENTUM_INPUT, n), e[3]),
    );
    bias += vec4f(1.0) * e;
  }
  put(FEATURES, chunk, cells);
  put(FEATURES + 1u, chunk, fed);
  put(FEATURES + 2u, chunk, bias);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.chunks) { return; }
  if (id.y * 4u < FEATURES) { sumFeatures(id.y * 4u, id.x); } else { sumRest(id.x); }
}
