// Formula: dh[j, n] += scale * dnext[n] * w[j].
// Source: adjoint of coordinateOutput/forward in h. The adjoint of theta is dnext itself: nothing to do.
// Shapes: weights [HIDDEN + 1] f32, padded to vec4f; dnext [mp4]; dh [HIDDEN, mp4], vec4f.
// Writes: dh +=
// Grid: x over mp4 in workgroups of 64, y over HIDDEN.

struct Params { mp4: u32, scale: f32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, HIDDEN / 4 + 1>;
@group(0) @binding(1) var<storage, read> dnext: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dh: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  dh[id.y * params.mp4 + id.x] += params.scale * weights[id.y / 4u][id.y % 4u] * dnext[id.x];
}
