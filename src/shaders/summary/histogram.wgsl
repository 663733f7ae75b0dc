// Formula: counts[slot, b, s, bin(place)] += 1, partials[b, s, c] = (sum, least, largest, 0) of value, over the rows and the
// Formula: coordinates n = c, c + chunks, ... of span s of task b. kind 0: place = x, value = s(x); kind 1: place = log10 |x|,
// Formula: value = |x|. bin(p) = floor((p - low) * perUnit), places off the axis in its first and last bin.
// Source: a histogram by integer atomics, whose order has no influence, and the first stage of a deterministic sum.
// Shapes: spans [S] (offset, count); values [>= firstRow + rows, stride]; counts [slots, B, S, bins]; partials [B, S, chunks] vec4f.
// Writes: counts +=, partials = ; a value that is not finite is in none of them.
// Grid: x over chunks in workgroups of 64, y over spans, z over tasks.

struct Params { tasks: u32, parameters: u32, spans: u32, stride: u32, firstRow: u32, rows: u32, chunks: u32, slot: u32, bins: u32, kind: u32, low: f32, perUnit: f32 }

@group(0) @binding(0) var<storage, read> spans: array<vec2u>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

const LARGEST = 3.4028234e38;
const SMALLEST_NORMAL = 1.1754944e-38;
const LOG10_OF_2 = 0.30103;

fn isFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn valueOf(x: f32) -> f32 {
  if (params.kind == 1u) { return abs(x); }
  let e = exp(-abs(x));
  let r = 1.0 / (1.0 + e);
  return select(e * r, r, x >= 0.0);
}

fn binOf(x: f32) -> u32 {
  var place = x;
  if (params.kind == 1u) { place = log2(max(abs(x), SMALLEST_NORMAL)) * LOG10_OF_2; }
  return u32(clamp((place - params.low) * params.perUnit, 0.0, f32(params.bins - 1u)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.chunks) { return; }
  let span = spans[id.y];
  let cell = id.z * params.spans + id.y;
  let histogram = (params.slot * params.tasks * params.spans + cell) * params.bins;
  let first = params.firstRow * params.stride + id.z * params.parameters + span.x;
  var sum = 0.0;
  var least = LARGEST;
  var largest = -LARGEST;
  for (var row = 0u; row < params.rows; row++) {
    for (var n = id.x; n < span.y; n += params.chunks) {
      let x = values[first + row * params.stride + n];
      if (isFinite(x)) {
        let value = valueOf(x);
        sum += value;
        least = min(least, value);
        largest = max(largest, value);
        atomicAdd(&counts[histogram + binOf(x)], 1u);
      }
    }
  }
  partials[cell * params.chunks + id.x] = vec4f(sum, least, largest, 0.0);
}
