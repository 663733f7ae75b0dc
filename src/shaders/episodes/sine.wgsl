// Formula: target[b, r] = A_b sin(x[b, r] - p_b); A ~ U(0.1, 5), p ~ U(0, pi) at counter (0, taskStream), x ~ U(-5, 5) at counter (first + r, pointStream) of task b's key; rows r >= batch: 0.
// Source: sinusoid regression (Finn, Abbeel & Levine 2017, section 5.1).
// Shapes: keys [B, 2] u32; x, target [B, 1, rows].
// Writes: x =, target =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { rows: u32, batch: u32, first: u32, taskStream: u32, pointStream: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let row = id.y * params.rows + id.x;
  if (id.x >= params.batch) {
    x[row] = 0.0;
    target_[row] = 0.0;
    return;
  }
  let task = threefry(keys[id.y], vec2u(0u, params.taskStream));
  let amplitude = 0.1 + 4.9 * toUnit(task.x);
  let phase = 3.141592653589793 * toUnit(task.y);
  // A whole number of 24 bits times a step of 10 / 2^24: one rounding, so the host's mirror has the same bits.
  let word = threefry(keys[id.y], vec2u(params.first + id.x, params.pointStream)).x;
  let point = f32(i32(word >> 8u) - 8388608) * 5.9604644775390625e-7;
  x[row] = point;
  target_[row] = amplitude * sine(point - phase);
}
