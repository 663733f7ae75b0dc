// Formula: dx[b, i, r] = sum_o W_b[i, o] * dy[b, o, r].
// Source: adjoint of dense/forward in x.
// Shapes: theta [B, stride], the layer at `offset`; dy [B, out, rows]; dx [B, in, rows]; rows a multiple of 4.
// Writes: dx =
// Grid: x over (in / 4 rounded up) * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 inputs of 4 rows.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

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
    let value = dy[output + o * params.rows4];
    let at = base + o;
    let w = vec4f(theta[at + i.x], theta[at + i.y], theta[at + i.z], theta[at + i.w]);
    sum += mat4x4f(value * w.x, value * w.y, value * w.z, value * w.w);
  }
  let at = (id.y * params.inputs + first) * params.rows4 + row;
  dx[at] = sum[0];
  if (first + 1u < params.inputs) { dx[at + params.rows4] = sum[1]; }
  if (first + 2u < params.inputs) { dx[at + 2u * params.rows4] = sum[2]; }
  if (first + 3u < params.inputs) { dx[at + 3u * params.rows4] = sum[3]; }
}
