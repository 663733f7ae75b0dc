// Formula: dWeight[u, first + k, q] = sum_n dGates[4 u + q, n] * input[k, n]; input row k = rows is 1, for the bias.
// Source: adjoint of lib/lstmGates.wgsl in the weights. Each chunk sums its own coordinates; reduce/partials adds the chunks.
// Shapes: input [rows, mp4]; dGates [4 hidden, mp4]; partials [chunks, stride], of which a layer has hidden * size, all vec4f.
// Writes: partials = when accumulate is 0, else += (columns first .. first + outputs of each unit's row)
// Grid: x over chunks in workgroups of 64, y over tiles of 2 units, z over tiles of 7 k; chunk c takes n = c, c + chunks, ...

struct Params { mp4: u32, chunks: u32, stride: u32, accumulate: u32, hidden: u32, size: u32, rows: u32, first: u32, outputs: u32 }

@group(0) @binding(0) var<storage, read> input: array<vec4f>;
@group(0) @binding(1) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn gateAdjointOf(row: u32, n: u32) -> vec4f { return dGates[row * params.mp4 + n]; }

fn inputOf(k: u32, n: u32) -> vec4f {
  return select(input[min(k, params.rows - 1u) * params.mp4 + n], vec4f(1.0), k >= params.rows);
}

fn put(unit: u32, k: u32, chunk: u32, value: vec4f) {
  if (unit >= params.hidden || k >= params.outputs) { return; }
  let at = chunk * params.stride + unit * params.size + params.first + k;
  if (params.accumulate == 0u) { partials[at] = value; } else { partials[at] += value; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let chunk = id.x;
  if (chunk >= params.chunks) { return; }
  let unit = id.y * 2u;
  let last = params.hidden - 1u;
  let k = id.z * 7u;
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var a4 = vec4f(0.0); var a5 = vec4f(0.0); var a6 = vec4f(0.0);
  var b0 = vec4f(0.0); var b1 = vec4f(0.0); var b2 = vec4f(0.0); var b3 = vec4f(0.0);
  var b4 = vec4f(0.0); var b5 = vec4f(0.0); var b6 = vec4f(0.0);
  for (var n = chunk; n < params.mp4; n += params.chunks) {
    let da = gatesOf(unit, n);
    let db = gatesOf(min(unit + 1u, last), n);
    let i0 = inputOf(k, n);
    a0 += i0 * da; b0 += i0 * db;
    let i1 = inputOf(k + 1u, n);
    a1 += i1 * da; b1 += i1 * db;
    let i2 = inputOf(k + 2u, n);
    a2 += i2 * da; b2 += i2 * db;
    let i3 = inputOf(k + 3u, n);
    a3 += i3 * da; b3 += i3 * db;
    let i4 = inputOf(k + 4u, n);
    a4 += i4 * da; b4 += i4 * db;
    let i5 = inputOf(k + 5u, n);
    a5 += i5 * da; b5 += i5 * db;
    let i6 = inputOf(k + 6u, n);
    a6 += i6 * da; b6 += i6 * db;
  }
  put(unit, k, chunk, a0);
  put(unit, k + 1u, chunk, a1);
  put(unit, k + 2u, chunk, a2);
  put(unit, k + 3u, chunk, a3);
  put(unit, k + 4u, chunk, a4);
  put(unit, k + 5u, chunk, a5);
  put(unit, k + 6u, chunk, a6);
  put(unit + 1u, k, chunk, b0);
  put(unit + 1u, k + 1u, chunk, b1);
  put(unit + 1u, k + 2u, chunk, b2);
  put(unit + 1u, k + 3u, chunk, b3);
  put(unit + 1u, k + 4u, chunk, b4);
  put(unit + 1u, k + 5u, chunk, b5);
  put(unit + 1u, k + 6u, chunk, b6);
}
