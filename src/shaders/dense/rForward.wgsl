// Formula: ry[b, o, r] = sum_i (rx[b, i, r] * W_b[i, o] + x[b, i, r] * V_b[i, o]) + vBias_b[o], (V, vBias) = R{(W, bias)}.
// Source: tangent of dense/forward along v (Pearlmutter 1994). With rx = 0 it is dense/forward with v for theta.
// Shapes: theta, v [B, stride], the layer at `offset`; x, rx [B, in, rows]; ry [B, out, rows]; rows a multiple of 4.
// Writes: ry =
// Grid: x over (out / 4 rounded up) * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 outputs of 4 rows.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> rx: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> ry: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn outer(values: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(values * w.x, values * w.y, values * w.z, values * w.w);
}

fn direction(at: u32, o: vec4u) -> vec4f {
  return vec4f(v[at + o.x], v[at + o.y], v[at + o.z], v[at + o.w]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x % params.rows4;
  let first = (id.x / params.rows4) * 4u;
  if (first >= params.outputs) { return; }
  let o = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(params.outputs - 1u));
  let base = id.y * params.stride + params.offset;
  let bias = direction(base + params.inputs * params.outputs, o);
  var sum = mat4x4f(vec4f(bias.x), vec4f(bias.y), vec4f(bias.z), vec4f(bias.w));
  let input = id.y * params.inputs * params.rows4 + row;
  for (var i = 0u; i < params.inputs; i++) {
    let at = base + i * params.outputs;
    let w = vec4f(theta[at + o.x], theta[at + o.y], theta[at + o.z], theta[at + o.w]);
    sum += outer(rx[input + i * params.rows4], w) + outer(x[input + i * params.rows4], direction(at, o));
  }
  let at = (id.y * params.outputs + first) * params.rows4 + row;
  ry[at] = sum[0];
  if (first + 1u < params.outputs) { ry[at + params.rows4] = sum[1]; }
  if (first + 2u < params.outputs) { ry[at + 2u * params.rows4] = sum[2]; }
  if (first + 3u < params.outputs) { ry[at + 3u * params.rows4] = sum[3]; }
}
