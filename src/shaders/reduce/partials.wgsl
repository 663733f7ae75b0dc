// Formula: target[i] = sum_c partials[c, i], c in rising order.
// Source: the last stage of a deterministic reduction.
// Shapes: partials [chunks, count] vec4f; target [count] vec4f.
// Writes: target =
// Grid: x over count in workgroups of 64.

struct Params { count: u32, chunks: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  var sum = vec4f(0.0);
  for (var c = 0u; c < params.chunks; c++) { sum += partials[c * params.count + id.x]; }
  target_[id.x] = sum;
}
