// Formula: ry[b, o, p, r] = vBias_b[o] + sum_{c, ky, kx} (rx[b, c, q, r] W_b[c, ky, kx, o] + x[b, c, q, r] V_b[c, ky, kx, o]),
// (V, vBias) = R{(W, bias)}, q the pixel under (ky, kx) at position p as in conv2d/forward.
// Source: tangent of conv2d/forward along v (Pearlmutter 1994). With rx = 0 it is conv2d/forward with v for theta.
// Shapes: theta, v [B, taskStride], the layer at `offset`; x, rx [B, in, inHeight, inWidth, rows]; ry [B, out, outHeight, outWidth, rows]; rows a multiple of 4.
// Writes: ry =
// Grid: x over (out / 4 rounded up) * positions of ry * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 channels of 4 rows.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32, taskStride: u32, offset: u32,
}

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
  let positions = params.outHeight * params.outWidth;
  let row = id.x % params.rows4;
  let position = (id.x / params.rows4) % positions;
  let first = (id.x / (params.rows4 * positions)) * 4u;
  if (first >= params.outChannels) { return; }
  let o = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(params.outChannels - 1u));
  let size = params.kernel * params.kernel;
  let base = id.y * params.taskStride + params.offset;
  let bias = direction(base + params.inChannels * size * params.outChannels, o);
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
        let w = vec4f(theta[tap + o.x], theta[tap + o.y], theta[tap + o.z], theta[tap + o.w]);
        sum += outer(rx[pixel], w) + outer(x[pixel], direction(tap, o));
        pixel += plane * params.rows4;
        tap += size * params.outChannels;
      }
    }
  }
  let step = positions * params.rows4;
  let at = (id.y * params.outChannels + first) * step + position * params.rows4 + row;
  ry[at] = sum[0];
  if (first + 1u < params.outChannels) { ry[at + step] = sum[1]; }
  if (first + 2u < params.outChannels) { ry[at + 2u * step] = sum[2]; }
  if (first + 3u < params.outChannels) { ry[at + 3u * step] = sum[3]; }
}
