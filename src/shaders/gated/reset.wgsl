// Formula: state[r, n] = start for r < gates, 0 for the row of m after them.
// Source: Ravi & Larochelle 2017: gates start from F_0 = I_0 = 0; where their sigmoid is fed back, from sigmoid = 0.
// Shapes: state [rows, mp4] vec4f.
// Writes: state =
// Grid: x over rows * mp4 in workgroups of 64.

struct Params { mp4: u32, rows: u32, gates: u32, start: f32 }

@group(0) @binding(0) var<storage, read_write> state: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows * params.mp4) { return; }
  state[id.x] = vec4f(select(0.0, params.start, id.x < params.gates * params.mp4));
}
