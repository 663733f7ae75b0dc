// Formula: as conv2d/forward: y[b, o, py, px, r] = bias_b[o] + sum_{c, ky, kx} x[b, c, py s + ky - padTop, px s + kx - padLeft, r] W_b[c, ky, kx, o],
// s the stride, x = 0 outside the image.
// Source: as conv2d/forward. Lanes are rows: a lane makes 8 channels of 4 rows, one position of a line after the other. Of a tap's 8
// weights lane l loads weight l, and they are handed round.
// Shapes: theta [B, taskStride], the layer at `offset`; x [B, in, inHeight, inWidth, rows]; y [B, out, outHeight, outWidth, rows]; rows a multiple of 4.
// Writes: y =
// Grid: x over tiles of 8 channels and rows / 4 rounded up to LANES, the last fastest, in workgroups of 16, y over lines of y, z over tasks.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32, taskStride: u32, offset: u32,
}

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  // No lane returns early: all are needed to hand weights round.
  let spot = spotOf(id.x, params.rows4);
  let first = spot.first;
  let row = spot.row;
  let o = handedBy(spot, params.outChannels);
  let base = group.z * params.taskStride + params.offset;
  let size = params.kernel * params.kernel * params.outChannels;
  let bias = weights(base + params.inChannels * size, o);
  let step = params.inHeight * params.inWidth * params.rows4;
  let image = group.z * params.inChannels * step + row;
  let positions = params.outHeight * params.outWidth;
  let isOurs = spot.isThere && first < params.outChannels && group.y < params.outHeight;
  let columns = select(0u, min(TILE, params.outChannels - first), isOurs);
  // Taps inside the image.
  let top = group.y * params.stride;
  let endY = min(params.kernel, params.inHeight + params.padTop - top);
  let firstY = max(params.padTop, top) - top;
  let toLastChannel = (params.inChannels - 1u) * vec2u(step, size);
  var steps = Steps(vec2u(step, size), vec2u(params.rows4, params.outChannels) - toLastChannel, vec2u(), params.inChannels, 0u);
  for (var px = 0u; px < params.outWidth; px++) {
    let left = px * params.stride;
    let firstX = max(params.padLeft, left) - left;
    steps.taps = min(params.kernel, params.inWidth + params.padLeft - left) - firstX;
    let toLastTap = (steps.taps - 1u) * vec2u(params.rows4, params.outChannels);
    steps.line = vec2u(params.inWidth * params.rows4, params.kernel * params.outChannels) - toLastTap - toLastChannel;
    let pixel = (top + firstY - params.padTop) * params.inWidth + left + firstX - params.padLeft;
    let tap = firstY * params.kernel + firstX;
    let walk = Walk(vec2u(image + pixel * params.rows4, base + tap * params.outChannels), 0u, 0u);
    let count = (endY - firstY) * steps.taps * params.inChannels;
    let sum = tapSums(Tile(spread(lowerOf(bias)), spread(upperOf(bias))), walk, steps, count, o);
    let to = (group.z * params.outChannels + first) * positions + group.y * params.outWidth + px;
    // One place that stores: eight take long to compile on lavapipe.
    for (var q = 0u; q < columns; q++) {
      y[(to + q * positions) * params.rows4 + row] = columnOf(sum, q);
    }
  }
}

fn valueAt(i: u32) -> vec4f { return textureLoad(x, texel(i)); }

fn weightAt(i: u32) -> f32 { return theta[i]; }
