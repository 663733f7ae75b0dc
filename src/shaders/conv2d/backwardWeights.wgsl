// Formula: dW_b[i, o] = sum_{p, r} x[b, c, q, r] dy[b, o, p, r], i = (c, ky, kx), q the pixel under (ky, kx) at position p as
// in conv2d/forward, x = 0 outside the image; row i = in * k * k is the bias: x = 1.
// Source: adjoint of conv2d/forward in W and bias. Rows beyond the batch carry dy = 0.
// Shapes: x [B, in, inHeight, inWidth, rows]; dy [B, out, outHeight, outWidth, rows]; target [B, targetStride], at targetOffset
// chunks of (in * k * k + 1) * out elements each: a chunk is the sum over `chunkHeight` lines of positions.
// Writes: target = (these elements of each task)
// Grid: x over ((in * k * k + 1) / 4 rounded up) * (out / 4 rounded up) in workgroups of 64, y over tasks, z over chunks; a thread makes 4 x 4 weights.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32,
  inputs: u32, chunkHeight: u32, targetStride: u32, targetOffset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Four examples of x under one tap: `at` where it is inside the image, 0 outside, 1 for the bias.
fn inputRow(at: u32, inside: bool, isBias: bool) -> vec4f {
  return select(select(vec4f(0.0), x[at], inside), vec4f(1.0), isBias);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tiles = (params.outChannels + 3u) / 4u;
  let i = (id.x / tiles) * 4u;
  let o = (id.x % tiles) * 4u;
  if (i > params.inputs) { return; }
  let rows4 = params.rows4;
  let positions = params.outHeight * params.outWidth;
  let i4 = vec4u(i, i + 1u, i + 2u, i + 3u);
  let isBias = i4 == vec4u(params.inputs);
  let size = params.kernel * params.kernel;
  let plane = (id.y * params.inChannels + i4 / size) * params.inHeight;
  let ky = (i4 % size) / params.kernel;
  let kx = i4 % params.kernel;
  let o4 = min(vec4u(o, o + 1u, o + 2u, o + 3u), vec4u(params.outChannels - 1u));
  let output = (id.y * params.outChannels + o4) * positions * rows4;
  let end = min((id.z + 1u) * params.chunkHeight, params.outHeight);
  var sum = mat4x4f();
  for (var py = id.z * params.chunkHeight; py < end; py++) {
    // Above and left of the image the differences wrap around to numbers beyond its size.
    let iy = py * params.stride + ky - params.padTop;
    for (var px = 0u; px < params.outWidth; px++) {
      let ix = px * params.stride + kx - params.padLeft;
      let inside = (i4 < vec4u(params.inputs)) & (iy < vec4u(params.inHeight)) & (ix < vec4u(params.inWidth));
      let input = select(vec4u(0u), ((plane + iy) * params.inWidth + ix) * rows4, inside);
      let at = output + (py * params.outWidth + px) * rows4;
      for (var r = 0u; r < rows4; r++) {
        let d = mat4x4f(dy[at.x + r], dy[at.y + r], dy[at.z + r], dy[at.w + r]);
        sum[0] += inputRow(input.x + r, inside.x, isBias.x) * d;
        sum[1] += inputRow(input.y + r, inside.y, isBias.y) * d;
        sum[2] += inputRow(input.z + r, inside.z, isBias.z) * d;
        sum[3] += inputRow(input.w + r, inside.w, isBias.w) * d;
      }
    }
  }
  let chunk = id.z * (params.inputs + 1u) * params.outChannels;
  let base = id.y * params.targetStride + params.targetOffset + chunk + i * params.outChannels + o;
  for (var p = 0u; p < 4u; p++) {
    if (i + p > params.inputs) { break; }
    for (var q = 0u; q < 4u; q++) {
      if (o + q < params.outChannels) { target_[base + p * params.outChannels + q] = sum[p][q]; }
    }
  }
}
