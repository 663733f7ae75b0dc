// Formula: c[u] = s(z_f) cPrev[u] + s(z_i) tanh(z_g); h[u] = s(z_o) tanh(c[u]); z as in lib/lstmGates.wgsl.
// Source: torch.nn.LSTMCell, gate order i, f, g, o; one LSTM shared by all coordinates (Andrychowicz et al. 2016).
// Shapes: weights [units, inputs + hidden + 1] vec4f; x [inputs, mp4] vec4f; hPrev, cPrev, h, c [hidden, mp4] vec4f.
// Writes: h =, c = (rows firstUnit .. firstUnit + units)
// Grid: x over pairs of vec4f (8 coordinates) in workgroups of 64, y over units / 4 rounded up.

struct Params { mp4: u32, inputs: u32, hidden: u32, firstUnit: u32, units: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> hPrev: array<vec4f>;
@group(0) @binding(3) var<storage, read> cPrev: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> h: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> c: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn update(z: mat4x4f, at: u32) {
  let after = cell(z, cPrev[at]);
  c[at] = after.c;
  h[at] = after.h;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 2u;
  if (n >= params.mp4) { return; }
  let unit = id.y * 4u;
  let z = gateTile(unit, n);
  let at = (params.firstUnit + unit) * params.mp4 + n;
  update(z.a0, at);
  update(z.b0, at + 1u);
  if (unit + 1u < params.units) {
    update(z.a1, at + params.mp4);
    update(z.b1, at + params.mp4 + 1u);
  }
  if (unit + 2u < params.units) {
    update(z.a2, at + 2u * params.mp4);
    update(z.b2, at + 2u * params.mp4 + 1u);
  }
  if (unit + 3u < params.units) {
    update(z.a3, at + 3u * params.mp4);
    update(z.b3, at + 3u * params.mp4 + 1u);
  }
}
