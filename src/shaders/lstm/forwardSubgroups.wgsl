// Formula: as lstm/forward, bit for bit.
// Source: lib/lstmUnits.wgsl: lanes are units, a subgroup walks over `length` vec4f of coordinates, one or two at a time; `length` is even.
// Shapes: weights [HIDDEN, INPUTS + HIDDEN + 1] vec4f; x [INPUTS, mp4] vec4f; hPrev, cPrev, h, c [HIDDEN, mp4] vec4f.
// Writes: h =, c =
// Grid: x over walks, units / 4 rounded up and lanes, the last fastest, in workgroups of 64: neighbours share inputs.

struct Params { mp4: u32, length: u32 }

@group(0) @binding(0) var weights: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var hPrev: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> cPrev: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> h: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> c: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn put(unit: u32, n: u32, z: mat4x4f) {
  if (unit >= HIDDEN || n >= params.mp4) { return; }
  let at = unit * params.mp4 + n;
  let after = cell(z, cPrev[at]);
  c[at] = after.c;
  h[at] = after.h;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all are needed to hand inputs round.
  let lane = id.x % LANES;
  let subgroup = id.x / LANES;
  let unit = subgroup % UNIT_GROUPS * UNITS + lane % UNITS;
  let first = subgroup / UNIT_GROUPS * params.length;
  loadUnit(unit);
  for (var i = 0u; i < params.length; i += PLACES) {
    let n = first + i + lane / UNITS;
    put(unit, n, unitGates(lane, min(n, params.mp4 - 1u)));
  }
}
