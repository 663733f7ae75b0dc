// Formula: as lstm/backwardGates, bit for bit.
// Source: lib/lstmUnits.wgsl: lanes are units, a subgroup of 8 walks over `length` vec4f of coordinates.
// Shapes: weights, x, hPrev, cPrev as lstm/forwardSubgroups; dh, dc [HIDDEN, mp4] vec4f; dGates [4 HIDDEN, mp4] vec4f, row 4 u + gate.
// Writes: dGates =, dc = (in place)
// Grid: x over walks, units / 8 rounded up and 8 lanes, the last fastest, in workgroups of 64: neighbours share inputs.

struct Params { mp4: u32, length: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var hPrev: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> cPrev: array<vec4f>;
@group(0) @binding(4) var<storage, read> dh: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dc: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dGates: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn put(unit: u32, n: u32, z: mat4x4f) {
  if (unit >= HIDDEN || n >= params.mp4) { return; }
  let at = unit * params.mp4 + n;
  let d = cellBackward(z, cPrev[at], dh[at], dc[at]);
  let row = 4u * unit * params.mp4 + n;
  dGates[row] = d.gates[0];
  dGates[row + params.mp4] = d.gates[1];
  dGates[row + 2u * params.mp4] = d.gates[2];
  dGates[row + 3u * params.mp4] = d.gates[3];
  dc[at] = d.before;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all 8 are needed to hand inputs round.
  let lane = id.x % LANES;
  let subgroup = id.x / LANES;
  let unit = subgroup % UNIT_GROUPS * LANES + lane;
  let first = subgroup / UNIT_GROUPS * params.length;
  let w = unitWeights(unit);
  for (var i = 0u; i < params.length; i++) {
    let n = first + i;
    put(unit, n, unitGates(w, lane, min(n, params.mp4 - 1u)));
  }
}
