// Formula: rdx[b, c, q, r] = sum_{ky, kx, o} (W_b[c, ky, kx, o] rdy[b, o, p, r] + V_b[c, ky, kx, o] dy[b, o, p, r]), V = R{W},
// over the taps (ky, kx) and positions p of conv2d/backwardInput.
// Source: tangent of conv2d/backwardInput along v (Pearlmutter 1994).
// Shapes: theta, v [B, taskStride], the layer at `offset`; dy, rdy [B, out, outHeight, outWidth, rows]; rdx [B, in, inHeight, inWidth, rows]; rows a multiple of 4.
// Writes: rdx =
// Grid: x over (in / 4 rounded up) * pixels of x * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 channels of 4 rows.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32, taskStride: u32, offset: u32,
}

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
  let plane = params.inHeight * params.inWidth;
  let row = id.x % params.rows4;
  let pixel = (id.x / params.rows4) % plane;
  let first = (id.x / (params.rows4 * plane)) * 4u;
  if (first >= params.inChannels) { return; }
  let size = params.kernel * params.kernel * params.outChannels;
  let c = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(params.inChannels - 1u)) * size;
  let base = id.y * params.taskStride + params.offset;
  let positions = params.outHeight * params.outWidth;
  let top = pixel / params.inWidth + params.padTop;
  let left = pixel % params.inWidth + params.padLeft;
  var sum = mat4x4f();
  // Every stride-th tap meets a position. Beyond `top` and `left` the difference wraps around to one that is none.
  for (var ky = top % params.stride; ky < params.kernel; ky += params.stride) {
    let py = (top - ky) / params.stride;
    if (py >= params.outHeight) { continue; }
    for (var kx = left % params.stride; kx < params.kernel; kx += params.stride) {
      let px = (left - kx) / params.stride;
      if (px >= params.outWidth) { continue; }
      var output = (id.y * params.outChannels * positions + py * params.outWidth + px) * params.rows4 + row;
      var tap = base + (ky * params.kernel + kx) * params.outChannels;
      for (var o = 0u; o < params.outChannels; o++) {
        let w = vec4f(theta[tap + c.x], theta[tap + c.y], theta[tap + c.z], theta[tap + c.w]);
        let rw = vec4f(v[tap + c.x], v[tap + c.y], v[tap + c.z], v[tap + c.w]);
        sum += outer(rdy[output], w) + outer(dy[output], rw);
        output += positions * params.rows4;
        tap++;
      }
    }
  }
  let step = plane * params.rows4;
  let at = (id.y * params.inChannels + first) * step + pixel * params.rows4 + row;
  rdx[at] = sum[0];
  if (first + 1u < params.inChannels) { rdx[at + step] = sum[1]; }
  if (first + 2u < params.inChannels) { rdx[at + 2u * step] = sum[2]; }
  if (first + 3u < params.inChannels) { rdx[at + 3u * step] = sum[3]; }
}
