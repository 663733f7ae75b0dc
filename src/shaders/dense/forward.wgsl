// Formula: y[b, o, r] = sum_i x[b, i, r] * W_b[i, o] + bias_b[o].
// Source: affine layer, weight [in, out] row-major and then the bias, so the bias is row `in` of one [in + 1, out] matrix.
// Shapes: theta [B, stride], the layer at `offset`; x [B, in, rows]; y [B, out, rows]; rows a multiple of 4.
// Writes: y =
// Grid: x over (out / 4 rounded up) * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 outputs of 4 rows.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn weights(at: u32, o: vec4u) -> vec4f {
  return vec4f(theta[at + o.x], theta[at + o.y], theta[at + o.z], theta[at + o.w]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x % params.rows4;
  let first = (id.x / params.rows4) * 4u;
  if (first >= params.outputs) { return; }
  let o = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(params.outputs - 1u));
  let base = id.y * params.stride + params.offset;
  let bias = weights(base + params.inputs * params.outputs, o);
  var sum = mat4x4f(vec4f(bias.x), vec4f(bias.y), vec4f(bias.z), vec4f(bias.w));
  let input = id.y * params.inputs * params.rows4 + row;
  for (var i = 0u; i < params.inputs; i++) {
    let value = x[input + i * params.rows4];
    let w = weights(base + i * params.outputs, o);
    sum += mat4x4f(value * w.x, value * w.y, value * w.z, value * w.w);
  }
  let at = (id.y * params.outputs + first) * params.rows4 + row;
  y[at] = sum[0];
  if (first + 1u < params.outputs) { y[at + params.rows4] = sum[1]; }
  if (first + 2u < params.outputs) { y[at + 2u * params.rows4] = sum[2]; }
  if (first + 3u < params.outputs) { y[at + 3u * params.rows4] = sum[3]; }
}
