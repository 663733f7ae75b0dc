// Formula: row r = w * shots + s of task b: indices[b, r] = examples[k, e], k = classes[b, w], e the example of rank first + s among the counts[k] of its class by word[e] = threefry(key_b, (w * 65536 + e, stream)).x, of equal words the lowest e first; labels[b, r] = w; rows from ways * shots on: 0.
// Source: N-way K-shot episodes (Vinyals et al. 2016); ranges of ranks that do not overlap share no image.
// Shapes: keys [B, 2] u32; classes [B, ways] u32; examples [C, maxExamples] u32; counts [C] u32; indices, labels [B, rows] u32.
// Writes: indices =, labels =
// Grid: x over max(ways * maxExamples, rows) in workgroups of 64, y over tasks.

struct Params { ways: u32, shots: u32, rows: u32, first: u32, maxExamples: u32, stream: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> classes: array<u32>;
@group(0) @binding(2) var<storage, read> examples: array<u32>;
@group(0) @binding(3) var<storage, read> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> indices: array<u32>;
@group(0) @binding(5) var<storage, read_write> labels: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.ways * params.maxExamples && id.x >= params.rows) { return; }
  let at = id.y * params.rows;
  if (id.x >= params.ways * params.shots && id.x < params.rows) {
    indices[at + id.x] = 0u;
    labels[at + id.x] = 0u;
  }
  let way = id.x / params.maxExamples;
  if (way >= params.ways) { return; }
  let example = id.x % params.maxExamples;
  let class_ = classes[id.y * params.ways + way];
  let count = counts[class_];
  if (example >= count) { return; }
  let key = keys[id.y];
  let own = threefry(key, vec2u(way * 65536u + example, params.stream)).x;
  let end = params.first + params.shots;
  var rank = 0u;
  for (var e = 0u; e < count && rank < end; e++) {
    let word = threefry(key, vec2u(way * 65536u + e, params.stream)).x;
    rank += select(0u, 1u, word < own || (word == own && e < example));
  }
  if (rank < params.first || rank >= end) { return; }
  let row = at + way * params.shots + rank - params.first;
  indices[row] = examples[class_ * params.maxExamples + example];
  labels[row] = way;
}
