// Formula: rdx[b, i, r] = sum_o (W_b[i, o] * rdy[b, o, r] + V_b[i, o] * dy[b, o, r]), V = R{W}.
// Source: tangent of dense/backwardInput along v (Pearlmutter 1994).
// Shapes: theta, v [B, stride], the layer at `offset`; dy, rdy [B, out, rows]; rdx [B, in, rows]; rows a multiple of 4.
// Writes: rdx =
// Grid: x over (in / 4 rounded up) * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 inputs of 4 rows.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> rdy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> rdx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn outer(values: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(values * w.x, values * w.y, values * w.z, values * w.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x % params.rows4;
  let first = (id.x / params.rows4) * 4u;
  if (first >= params.inputs) { return; }
  let i = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(params.inputs - 1u)) * params.outputs;
  let base = id.y * params.stride + params.offset;
  var sum = mat4x4f();
  let output = id.y * params.outputs * params.rows4 + row;
  for (var o = 0u; o < params.outputs; o++) {
    let at = base + o;
    let w = vec4f(theta[at + i.x], theta[at + i.y], theta[at + i.z], theta[at + i.w]);
    let rw = vec4f(v[at + i.x], v[at + i.y], v[at + i.z], v[at + i.w]);
    sum += outer(rdy[output + o * params.rows4], w) + outer(dy[output + o * params.rows4], rw);
  }
  let at = (id.y * params.inputs + first) * params.rows4 + row;
  rdx[at] = sum[0];
  if (first + 1u < params.inputs) { rdx[at + params.rows4] = sum[1]; }
  if (first + 2u < params.inputs) { rdx[at + 2u * params.rows4] = sum[2]; }
  if (first + 3u < params.inputs) { rdx[at + 3u * params.rows4] = sum[3]; }
}
