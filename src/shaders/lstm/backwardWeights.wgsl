// Formula: dWeight[u, k, q] = sum_n dGates[4 u + q, n] * input[k, n]; input = x, then hPrev, then 1 for the bias.
// Source: adjoint of lib/lstmGates.wgsl in the weights. Each chunk sums its own coordinates; reduce/partials adds the chunks.
// Shapes: x [IN, mp4]; hPrev [HIDDEN, mp4]; dGates [HIDDEN * 4, mp4]; partials [HIDDEN * (IN + HIDDEN + 1), chunks], all vec4f.
// Writes: partials = when accumulate is 0, else +=
// Grid: x over chunks in workgroups of 64, y over pairs of units, z over tiles of 8 k; chunk c takes n = c, c + chunks, ...

struct Params { mp4: u32, chunks: u32, accumulate: u32 }

const ROW: u32 = IN + HIDDEN + 1u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> hPrev: array<vec4f>;
@group(0) @binding(2) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn inputOf(k: u32, n: u32) -> vec4f {
  if (k < IN) { return x[k * params.mp4 + n]; }
  if (k < IN + HIDDEN) { return hPrev[(k - IN) * params.mp4 + n]; }
  return vec4f(1.0);
}

fn gatesOf(unit: u32, n: u32) -> mat4x4f {
  let row = 4u * unit * params.mp4 + n;
  return mat4x4f(
    dGates[row],
    dGates[row + params.mp4],
    dGates[row + 2u * params.mp4],
    dGates[row + 3u * params.mp4],
  );
}

fn put(unit: u32, k: u32, chunk: u32, value: vec4f) {
  if (unit >= HIDDEN || k >= ROW) { return; }
  let at = (unit * ROW + k) * params.chunks + chunk;
  if (params.accumulate == 0u) { partials[at] = value; } else { partials[at] += value; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let chunk = id.x;
  if (chunk >= params.chunks) { return; }
  let unit = id.y * 2u;
  let other = min(unit + 1u, HIDDEN - 1u);
  let k = id.z * 8u;
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var a4 = vec4f(0.0); var a5 = vec4f(0.0); var a6 = vec4f(0.0); var a7 = vec4f(0.0);
  var b0 = vec4f(0.0); var b1 = vec4f(0.0); var b2 = vec4f(0.0); var b3 = vec4f(0.0);
  var b4 = vec4f(0.0); var b5 = vec4f(0.0); var b6 = vec4f(0.0); var b7 = vec4f(0.0);
  for (var n = chunk; n < params.mp4; n += params.chunks) {
    let da = gatesOf(unit, n);
    let db = gatesOf(other, n);
    let i0 = inputOf(k, n); a0 += i0 * da; b0 += i0 * db;
    let i1 = inputOf(k + 1u, n); a1 += i1 * da; b1 += i1 * db;
    let i2 = inputOf(k + 2u, n); a2 += i2 * da; b2 += i2 * db;
    let i3 = inputOf(k + 3u, n); a3 += i3 * da; b3 += i3 * db;
    let i4 = inputOf(k + 4u, n); a4 += i4 * da; b4 += i4 * db;
    let i5 = inputOf(k + 5u, n); a5 += i5 * da; b5 += i5 * db;
    let i6 = inputOf(k + 6u, n); a6 += i6 * da; b6 += i6 * db;
    let i7 = inputOf(k + 7u, n); a7 += i7 * da; b7 += i7 * db;
  }
  put(unit, k, chunk, a0);
  put(unit, k + 1u, chunk, a1);
  put(unit, k + 2u, chunk, a2);
  put(unit, k + 3u, chunk, a3);
  put(unit, k + 4u, chunk, a4);
  put(unit, k + 5u, chunk, a5);
  put(unit, k + 6u, chunk, a6);
  put(unit, k + 7u, chunk, a7);
  put(unit + 1u, k, chunk, b0);
  put(unit + 1u, k + 1u, chunk, b1);
  put(unit + 1u, k + 2u, chunk, b2);
  put(unit + 1u, k + 3u, chunk, b3);
  put(unit + 1u, k + 4u, chunk, b4);
  put(unit + 1u, k + 5u, chunk, b5);
  put(unit + 1u, k + 6u, chunk, b6);
  put(unit + 1u, k + 7u, chunk, b7);
}
