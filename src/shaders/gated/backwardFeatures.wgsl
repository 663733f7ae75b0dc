// Formula: dFeatures[k, n] (+)= sum over gates q of w_a[k, q] e[q, n].
// Source: adjoint of gated/forward in a.
// Shapes: weights [FEATURES + 3], dGates [learned gates, mp4], dFeatures [FEATURES, mp4], all vec4f.
// Writes: dFeatures = when accumulate is 0, else +=
// Grid: x over mp4 in workgroups of 64, y over tiles of 4 features.

struct Params { mp4: u32, accumulate: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, FEATURES + 3>;
@group(0) @binding(1) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dFeatures: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn adjointOf(mode: u32, n: u32) -> vec4f {
  if (mode < LEARNED) { return vec4f(0.0); }
  return dGates[(mode - LEARNED) * params.mp4 + n];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  let e = mat4x4f(
    adjointOf(FORGET, id.x),
    adjointOf(INPUT, id.x),
    adjointOf(MOMENTUM_FORGET, id.x),
    adjointOf(MOMENTUM_INPUT, id.x),
  );
  let end = min(id.y * 4u + 4u, FEATURES);
  for (var k = id.y * 4u; k < end; k++) {
    let at = k * params.mp4 + id.x;
    let value = e * weights[k];
    if (params.accumulate == 0u) { dFeatures[at] = value; } else { dFeatures[at] += value; }
  }
}
