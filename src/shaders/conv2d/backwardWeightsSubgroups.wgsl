// Formula: as conv2d/backwardWeights: dW_b[i, o] = sum_{p, r} x[b, c, q, r] dy[b, o, p, r], i = (c, ky, kx), q the pixel under (ky, kx) at
// position p as in conv2d/forward, x = 0 outside the image; row i = in * k * k is the bias: x = 1.
// Source: as conv2d/backwardWeights. Lanes are inputs: lane l sums for the inputs l, l + 8, .. of 32 of them and 8 channels. Of 8
// channels of dy lane l loads channel l, and they are handed round. For 8 lanes.
// Shapes: x [B, in, inHeight, inWidth, rows]; dy [B, out, outHeight, outWidth, rows]; target [B, targetStride], at targetOffset
// chunks of (in * k * k + 1) * out elements each: a chunk is the sum over `chunkHeight` lines of positions.
// Writes: target = (these elements of each task)
// Grid: x over tiles of 32 inputs, tiles of 8 channels and lanes, the last fastest, in workgroups of 16, y over tasks, z over chunks.

struct Params {
  inChannels: u32, inHeight: u32, inWidth: u32, outChannels: u32, outHeight: u32, outWidth: u32,
  kernel: u32, stride: u32, padTop: u32, padLeft: u32, rows4: u32,
  inputs: u32, chunkHeight: u32, targetStride: u32, targetOffset: u32,
}

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const TILE = 8u;
const INPUTS = 4u;

// Four examples of x under one tap: `at` where it is inside the image, 0 outside, 1 for the bias.
fn inputRow(at: u32, inside: bool, isBias: bool) -> vec4f {
  return select(select(vec4f(0.0), textureLoad(x, texel(at)), inside), vec4f(1.0), isBias);
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  // No lane returns early: all are needed to hand rows round.
  let lane = id.x % LANES;
  let subgroup = id.x / LANES;
  let tiles = (params.outChannels + TILE - 1u) / TILE;
  let first = subgroup % tiles * TILE;
  let i = subgroup / tiles * INPUTS * LANES + lane;
  let rows4 = params.rows4;
  let positions = params.outHeight * params.outWidth;
  let i4 = vec4u(i, i + LANES, i + 2u * LANES, i + 3u * LANES);
  let isBias = i4 == vec4u(params.inputs);
  let size = params.kernel * params.kernel;
  let plane = (group.y * params.inChannels + i4 / size) * params.inHeight;
  let ky = (i4 % size) / params.kernel;
  let kx = i4 % params.kernel;
  let o = min(first + lane, params.outChannels - 1u);
  let output = (group.y * params.outChannels + o) * positions * rows4;
  let end = min((group.z + 1u) * params.chunkHeight, params.outHeight);
  // Channels 0 to 3 and 4 to 7 of the tile, an input a column.
  var low = mat4x4f();
  var high = mat4x4f();
  for (var py = group.z * params.chunkHeight; py < end; py++) {
    // Above and left of the image the differences wrap around to numbers beyond its size.
    let iy = py * params.stride + ky - params.padTop;
    for (var px = 0u; px < params.outWidth; px++) {
      let ix = px * params.stride + kx - params.padLeft;
      let inside = (i4 < vec4u(params.inputs)) & (iy < vec4u(params.inHeight)) & (ix < vec4u(params.inWidth));
      let input = select(vec4u(0u), ((plane + iy) * params.inWidth + ix) * rows4, inside);
      let at = output + (py * params.outWidth + px) * rows4;
      for (var r = 0u; r < rows4; r++) {
        let d = Loads(dy[at + r], vec4f(0.0));
        let x0 = inputRow(input.x + r, inside.x, isBias.x);
        let x1 = inputRow(input.y + r, inside.y, isBias.y);
        let x2 = inputRow(input.z + r, inside.z, isBias.z);
        let x3 = inputRow(input.w + r, inside.w, isBias.w);
        let a = lower(d);
        low += mat4x4f(x0 * a, x1 * a, x2 * a, x3 * a);
        let b = upper(d);
        high += mat4x4f(x0 * b, x1 * b, x2 * b, x3 * b);
      }
    }
  }
  if (i > params.inputs) { return; }
  let chunk = group.z * (params.inputs + 1u) * params.outChannels;
  let base = group.y * params.targetStride + params.targetOffset + chunk + first;
  let columns = min(TILE, params.outChannels - first);
  // One place that stores, its number of passes unknown to the compiler: thirty-two take long to compile on lavapipe.
  for (var e = 0u; e < columns * INPUTS; e++) {
    let p = e / columns;
    let q = e % columns;
    let to = i + p * LANES;
    var values = low[p];
    if (q >= 4u) { values = high[p]; }
    if (to <= params.inputs) { target_[base + to * params.outChannels + q] = values[q % 4u]; }
  }
}
