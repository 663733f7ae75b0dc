// Formula: y[b, o, py, px, r] = bias_b[o] + sum_{c, ky, kx} x[b, c, py s + ky - padTop, px s + kx - padLeft, r] W_b[c, ky, kx, o],
// s the stride, x = 0 outside the image.
// Source: cross-correlation, as TensorFlow and PyTorch call it convolution; weight [in, k, k, out] row-major and then the
// bias, so it is dense/forward of in * k * k inputs that are never laid out.
// Shapes: theta [B, taskStride], the layer at `offset`; x [B, in, inHeight, inWidth, rows]; y [B, out, outHeight, outWidth, rows]; rows a multiple of 4.
// Writes: y =
// Grid: x over (out / 4 rounded up) * positions of y * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 channels of 4 rows.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32, taskStride: u32, offset: u32,
}

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn weights(at: u32, o: vec4u) -> vec4f {
  return vec4f(theta[at + o.x], theta[at + o.y], theta[at + o.z], theta[at + o.w]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let positions = params.outHeight * params.outWidth;
  let row = id.x % params.rows4;
  let position = (id.x / params.rows4) % positions;
  let first = (id.x / (params.rows4 * positions)) * 4u;
  if (first >= params.outChannels) { return; }
  let o = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(params.outChannels - 1u));
  let size = params.kernel * params.kernel;
  let base = id.y * params.taskStride + params.offset;
  let bias = weights(base + params.inChannels * size * params.outChannels, o);
  var sum = mat4x4f(vec4f(bias.x), vec4f(bias.y), vec4f(bias.z), vec4f(bias.w));
  let plane = params.inHeight * params.inWidth;
  for (var ky = 0u; ky < params.kernel; ky++) {
    // Above and left of the image the difference wraps around to a number beyond its size.
    let iy = (position / params.outWidth) * params.stride + ky - params.padTop;
    if (iy >= params.inHeight) { continue; }
    for (var kx = 0u; kx < params.kernel; kx++) {
      let ix = (position % params.outWidth) * params.stride + kx - params.padLeft;
      if (ix >= params.inWidth) { continue; }
      var pixel = (id.y * params.inChannels * plane + iy * params.inWidth + ix) * params.rows4 + row;
      var tap = base + (ky * params.kernel + kx) * params.outChannels;
      for (var c = 0u; c < params.inChannels; c++) {
        let value = x[pixel];
        let w = weights(tap, o);
        sum += mat4x4f(value * w.x, value * w.y, value * w.z, value * w.w);
        pixel += plane * params.rows4;
        tap += size * params.outChannels;
      }
    }
  }
  let step = positions * params.rows4;
  let at = (id.y * params.outChannels + first) * step + position * params.rows4 + row;
  y[at] = sum[0];
  if (first + 1u < params.outChannels) { y[at + step] = sum[1]; }
  if (first + 2u < params.outChannels) { y[at + 2u * step] = sum[2]; }
  if (first + 3u < params.outChannels) { y[at + 3u * step] = sum[3]; }
}
