// Formula: dW_b[i, o] = sum_r x[b, i, r] * dy[b, o, r]; row i = in is the bias: x = 1.
// Source: adjoint of dense/forward in W and bias. Rows beyond the batch carry dy = 0.
// Shapes: x [B, in, rows]; dy [B, out, rows]; gradient [B, stride], the layer at `offset`; rows a multiple of 4.
// Writes: gradient = (this layer's (in + 1) * out elements of each task)
// Grid: x over ((in + 1) / 4 rounded up) * (out / 4 rounded up) in workgroups of 64, y over tasks; a thread makes 4 x 4 weights.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn inputRow(at: u32, i: u32) -> vec4f {
  return select(x[at + min(i, params.inputs - 1u) * params.rows4], vec4f(1.0), i == params.inputs);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tiles = (params.outputs + 3u) / 4u;
  let i = (id.x / tiles) * 4u;
  let o = (id.x % tiles) * 4u;
  if (i > params.inputs) { return; }
  let rows4 = params.rows4;
  let input = id.y * params.inputs * rows4;
  let output = id.y * params.outputs * rows4;
  let last = params.outputs - 1u;
  let o4 = min(vec4u(o, o + 1u, o + 2u, o + 3u), vec4u(last)) * rows4 + output;
  var sum = mat4x4f();
  for (var r = 0u; r < rows4; r++) {
    let d = mat4x4f(dy[o4.x + r], dy[o4.y + r], dy[o4.z + r], dy[o4.w + r]);
    sum[0] += inputRow(input + r, i) * d;
    sum[1] += inputRow(input + r, i + 1u) * d;
    sum[2] += inputRow(input + r, i + 2u) * d;
    sum[3] += inputRow(input + r, i + 3u) * d;
  }
  let base = id.y * params.stride + params.offset + i * params.outputs + o;
  // One place that stores, its number of passes unknown to the compiler: sixteen take long to compile on lavapipe.
  let columns = min(4u, params.outputs - o);
  for (var e = 0u; e < columns * min(4u, params.inputs + 1u - i); e++) {
    let p = e / columns;
    let q = e % columns;
    gradient[base + p * params.outputs + q] = sum[p][q];
  }
}
