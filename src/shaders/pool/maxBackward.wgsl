// Formula: dx[b, c, q, r] = the sum of dy[b, c, p, r] over the windows p whose first maximum, in reading order, is pixel q.
// Source: adjoint of pool/maxForward, gathered: windows may overlap, and no two threads add to one element. The maximum is
// found by its bits, which pool/maxForward has copied: x and y are words here.
// Shapes: x, dx [B, channels, inHeight, inWidth, rows]; y, dy [B, channels, outHeight, outWidth, rows]; rows a multiple of 4.
// Writes: dx =
// Grid: x over channels * inHeight * inWidth * rows / 4 in workgroups of 64, y over tasks.

struct Params { channels: u32, inHeight: u32, inWidth: u32, outHeight: u32, outWidth: u32, kernel: u32, stride: u32, rows4: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> y: array<vec4u>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let rows4 = params.rows4;
  let count = params.inHeight * params.inWidth * rows4;
  let c = id.x / count;
  if (c >= params.channels) { return; }
  let row = id.x % rows4;
  let iy = (id.x % count) / rows4 / params.inWidth;
  let ix = (id.x / rows4) % params.inWidth;
  let plane = id.y * params.channels + c;
  let own = x[id.y * params.channels * count + id.x];
  var sum = vec4f(0.0);
  // Windows that hold the pixel at (ky, kx). Where there is none the difference wraps around to one beyond the last.
  for (var ky = iy % params.stride; ky < params.kernel; ky += params.stride) {
    let py = (iy - ky) / params.stride;
    if (py >= params.outHeight) { continue; }
    for (var kx = ix % params.stride; kx < params.kernel; kx += params.stride) {
      let px = (ix - kx) / params.stride;
      if (px >= params.outWidth) { continue; }
      let output = ((plane * params.outHeight + py) * params.outWidth + px) * rows4 + row;
      let most = y[output];
      var isFirst = own == most;
      for (var before = 0u; before < ky * params.kernel + kx; before++) {
        let line = plane * params.inHeight + iy - ky + before / params.kernel;
        let value = x[(line * params.inWidth + ix - kx + before % params.kernel) * rows4 + row];
        isFirst = isFirst & (value != most);
      }
      sum += select(vec4f(0.0), dy[output], isFirst);
    }
  }
  dx[id.y * params.channels * count + id.x] = sum;
}
