// Formula: as lstm/backwardInputs, bit for bit.
// Source: as lstm/backwardInputs, by lib/lstmInputTile.wgsl.
// Shapes: weights [units, inputs + hidden + 1] vec4f; dGates [4 hidden, mp4]; dInput [rows, mp4], all vec4f.
// Writes: dInput = when accumulate is 0, else +=
// Grid: x over mp4 in workgroups of 64, y over tiles of 20 rows.

struct Params { mp4: u32, size: u32, firstUnit: u32, units: u32, first: u32, rows: u32, accumulate: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dInput: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn gateAdjointOf(row: u32, n: u32) -> vec4f { return dGates[row * params.mp4 + n]; }

const TILE = 20u;

fn weightOf(unit: u32, input: u32) -> vec4f { return weights[unit * params.size + input]; }

fn putInput(row: u32, n: u32, value: vec4f) {
  if (n >= params.mp4) { return; }
  let at = row * params.mp4 + n;
  dInput[at] = select(dInput[at], vec4f(0.0), params.accumulate == 0u) + value;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  inputTile(id.y * TILE, id.x % LANES, id.x, min(id.x, params.mp4 - 1u), params.firstUnit, params.units);
}
