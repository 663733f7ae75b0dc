// Formula: z[gate, u] = z_i, z_f, z_o of unit u before the sigmoid, z as in lib/lstmGates.wgsl; the candidate z_g is left out.
// Source: torch.nn.LSTMCell; made again from x and h, because the forward step keeps no gates.
// Shapes: weights [units, inputs + hidden + 1] vec4f; x [inputs, mp4] vec4f; hPrev [hidden, mp4] vec4f; z [3 hidden, mp4] vec4f.
// Writes: z = (rows firstUnit .. firstUnit + units of each gate)
// Grid: x over pairs of vec4f (8 coordinates) in workgroups of 64, y over units / 4 rounded up.

struct Params { mp4: u32, inputs: u32, hidden: u32, firstUnit: u32, units: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> hPrev: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> z: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn write(tile: mat4x4f, at: u32) {
  let gate = params.hidden * params.mp4;
  z[at] = tile[0];
  z[at + gate] = tile[1];
  z[at + 2u * gate] = tile[3];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 2u;
  if (n >= params.mp4) { return; }
  let unit = id.y * 4u;
  let tile = gateTile(unit, n);
  let at = (params.firstUnit + unit) * params.mp4 + n;
  write(tile.a0, at);
  write(tile.b0, at + 1u);
  if (unit + 1u < params.units) {
    write(tile.a1, at + params.mp4);
    write(tile.b1, at + params.mp4 + 1u);
  }
  if (unit + 2u < params.units) {
    write(tile.a2, at + 2u * params.mp4);
    write(tile.b2, at + 2u * params.mp4 + 1u);
  }
  if (unit + 3u < params.units) {
    write(tile.a3, at + 3u * params.mp4);
    write(tile.b3, at + 3u * params.mp4 + 1u);
  }
}
