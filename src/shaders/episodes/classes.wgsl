// Formula: classes[b, w] = the class whose word has rank w, rank[c] = #{o: (word[o], o) < (word[c], c)}, word[c] = threefry(key_b, (c, stream)).x.
// Source: N-way episodes without replacement (Vinyals et al. 2016); the first `ways` of a random permutation by sorted words.
// Shapes: keys [B, 2] u32; classes [B, ways] u32; ways <= count, the number of classes.
// Writes: classes =
// Grid: x over count in workgroups of 64, y over tasks.

struct Params { ways: u32, count: u32, stream: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> classes: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let key = keys[id.y];
  let own = threefry(key, vec2u(id.x, params.stream)).x;
  var rank = 0u;
  // Most classes see `ways` smaller words early, and are out.
  for (var c = 0u; c < params.count && rank < params.ways; c++) {
    let word = threefry(key, vec2u(c, params.stream)).x;
    rank += select(0u, 1u, word < own || (word == own && c < id.x));
  }
  if (rank < params.ways) { classes[id.y * params.ways + rank] = id.x; }
}
