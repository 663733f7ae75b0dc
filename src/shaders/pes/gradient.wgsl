// Formula: gradient = sum over pairs i of d_i xi_i.
// Source: Vicol, Metz & Sohl-Dickstein 2021, algorithm 2.
// Shapes: differences [pairs]; xi [pairs, P]; gradient [P].
// Writes: gradient =
// Grid: x over P in workgroups of 64; pairs in order.

struct Params { count: u32, pairs: u32 }

@group(0) @binding(0) var<storage, read> differences: array<f32>;
@group(0) @binding(1) var<storage, read> xi: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  var sum = 0.0;
  for (var i = 0u; i < params.pairs; i++) { sum += differences[i] * xi[i * params.count + id.x]; }
  gradient[id.x] = sum;
}
