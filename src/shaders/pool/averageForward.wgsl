// Formula: y[b, c, py, px, r] = sum over 0 <= ky, kx < kernel of x[b, c, py s + ky, px s + kx, r] / kernel^2, s the stride.
// Source: average-pooling without padding; linear, so it is its own tangent.
// Shapes: x [B, channels, inHeight, inWidth, rows]; y [B, channels, outHeight, outWidth, rows]; rows a multiple of 4.
// Writes: y =
// Grid: x over channels * outHeight * outWidth * rows / 4 in workgroups of 64, y over tasks.

struct Params { channels: u32, inHeight: u32, inWidth: u32, outHeight: u32, outWidth: u32, kernel: u32, stride: u32, rows4: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = params.outHeight * params.outWidth * params.rows4;
  let c = id.x / count;
  if (c >= params.channels) { return; }
  let row = id.x % params.rows4;
  let position = (id.x % count) / params.rows4;
  let top = (position / params.outWidth) * params.stride;
  let left = (position % params.outWidth) * params.stride;
  let corner = ((id.y * params.channels + c) * params.inHeight + top) * params.inWidth + left;
  var sum = vec4f(0.0);
  for (var ky = 0u; ky < params.kernel; ky++) {
    for (var kx = 0u; kx < params.kernel; kx++) {
      sum += x[(corner + ky * params.inWidth + kx) * params.rows4 + row];
    }
  }
  y[id.y * params.channels * count + id.x] = sum / f32(params.kernel * params.kernel);
}
