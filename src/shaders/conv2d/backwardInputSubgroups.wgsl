// Formula: as conv2d/backwardInput: dx[b, c, q, r] = sum_{ky, kx, o} W_b[c, ky, kx, o] dy[b, o, p, r] over the taps (ky, kx) for which a
// position p of y has pixel q under them: p s + (ky, kx) - (padTop, padLeft) = q, s the stride.
// Source: as conv2d/backwardInput. Lanes are rows: a lane makes 8 channels of 4 rows, one pixel of a line after the other. Of 8 channels'
// weights lane l loads weight l, and they are handed round.
// Shapes: theta [B, taskStride], the layer at `offset`; dy [B, out, outHeight, outWidth, rows]; dx [B, in, inHeight, inWidth, rows]; rows a multiple of 4.
// Writes: dx =
// Grid: x over tiles of 8 channels and rows / 4 rounded up to LANES, the last fastest, in workgroups of 16, y over lines of x, z over tasks.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32, taskStride: u32, offset: u32,
}

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  // No lane returns early: all are needed to hand weights round.
  let spot = spotOf(id.x, params.rows4);
  let first = spot.first;
  let row = spot.row;
  let size = params.kernel * params.kernel * params.outChannels;
  let c = handedBy(spot, params.inChannels) * size;
  let base = group.z * params.taskStride + params.offset;
  let step = params.outHeight * params.outWidth * params.rows4;
  let image = group.z * params.outChannels * step + row;
  let plane = params.inHeight * params.inWidth;
  let isOurs = spot.isThere && first < params.inChannels && group.y < params.inHeight;
  let columns = select(0u, min(TILE, params.inChannels - first), isOurs);
  let top = group.y + params.padTop;
  let y = taps(top, params.outHeight);
  let toLastChannel = (params.outChannels - 1u) * vec2u(step, 1u);
  let oneTap = vec2u(0u - params.rows4, params.stride * params.outChannels);
  let oneLine = vec2u(0u - params.outWidth * params.rows4, params.stride * params.kernel * params.outChannels);
  var steps = Steps(vec2u(step, 1u), oneTap - toLastChannel, vec2u(), params.outChannels, 0u);
  for (var ix = 0u; ix < params.inWidth; ix++) {
    let left = ix + params.padLeft;
    let x = taps(left, params.outWidth);
    steps.taps = x.count;
    steps.line = oneLine - (x.count - 1u) * oneTap - toLastChannel;
    let position = (top - y.first) / params.stride * params.outWidth + (left - x.first) / params.stride;
    let tap = y.first * params.kernel + x.first;
    let walk = Walk(vec2u(image + position * params.rows4, base + tap * params.outChannels), 0u, 0u);
    let count = y.count * x.count * params.outChannels;
    let sum = tapSums(Tile(mat4x4f(), mat4x4f()), walk, steps, count, c);
    let to = (group.z * params.inChannels + first) * plane + group.y * params.inWidth + ix;
    // One place that stores: eight take long to compile on lavapipe.
    for (var q = 0u; q < columns; q++) {
      dx[(to + q * plane) * params.rows4 + row] = columnOf(sum, q);
    }
  }
}

// Along one axis, the taps for which a position of y has pixel `at`, counted with the padding, under them: every stride-th of them.
struct Taps { first: u32, count: u32 }

fn taps(at: u32, positions: u32) -> Taps {
  let end = (positions - 1u) * params.stride;
  let first = select(at % params.stride, at - end, at > end);
  let last = min(at, params.kernel - 1u);
  return Taps(first, select(0u, (last - first) / params.stride + 1u, first <= last));
}

fn valueAt(i: u32) -> vec4f { return textureLoad(dy, texel(i)); }

fn weightAt(i: u32) -> f32 { return theta[i]; }
