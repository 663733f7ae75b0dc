// Formula: average += share * (phi - average).
// Source: Polyak & Juditsky 1992, with exponential weights.
// Shapes: share [1] f32; phi, average [count] vec4f.
// Writes: average = (in place)
// Grid: x over count in workgroups of 64.

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> share: array<f32>;
@group(0) @binding(1) var<storage, read> phi: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> average: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  average[id.x] += share[0] * (phi[id.x] - average[id.x]);
}
