// Formula: as pool/maxBackward, of windows that do not overlap: dx[b, c, q, r] = dy[b, c, p, r] where pixel q is the first maximum of its
// window p, in reading order, else 0; stride >= kernel.
// Source: as pool/maxBackward. A thread makes the stride x stride pixels from a window's corner to the next one's: each is read once, where
// a thread a pixel reads those before it again.
// Shapes: x, dx [B, channels, inHeight, inWidth, rows]; y, dy [B, channels, outHeight, outWidth, rows]; rows a multiple of 4.
// Writes: dx =
// Grid: x over (inWidth / stride rounded up) * rows / 4 in workgroups of 64, y over channels * (inHeight / stride rounded up), z over tasks.

struct Params { channels: u32, inHeight: u32, inWidth: u32, outHeight: u32, outWidth: u32, kernel: u32, stride: u32, rows4: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> y: array<vec4u>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let rows4 = params.rows4;
  let px = id.x / rows4;
  let row = id.x - px * rows4;
  let lines = (params.inHeight + params.stride - 1u) / params.stride;
  let c = id.y / lines;
  let py = id.y - c * lines;
  let left = px * params.stride;
  let top = py * params.stride;
  if (left >= params.inWidth || c >= params.channels) { return; }
  let plane = id.z * params.channels + c;
  let isWindow = px < params.outWidth && py < params.outHeight;
  let output = select(0u, ((plane * params.outHeight + py) * params.outWidth + px) * rows4 + row, isWindow);
  let most = y[output];
  let adjoint = dy[output];
  let corner = (plane * params.inHeight + top) * params.inWidth + left;
  let bottom = min(params.stride, params.inHeight - top);
  let right = min(params.stride, params.inWidth - left);
  // Examples whose maximum has been met; beyond the last windows there is none.
  var met = vec4<bool>(!isWindow);
  for (var ky = 0u; ky < bottom; ky++) {
    for (var kx = 0u; kx < right; kx++) {
      let at = (corner + ky * params.inWidth + kx) * rows4 + row;
      let isFirst = (x[at] == most) & !met & vec4<bool>(max(ky, kx) < params.kernel);
      met = met | isFirst;
      dx[at] = select(vec4f(0.0), adjoint, isFirst);
    }
  }
}
