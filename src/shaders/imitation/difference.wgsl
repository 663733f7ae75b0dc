// Formula: d = next - target; loss = sum over the N coordinates of a task of d^2 / (2 N).
// Source: Chen et al. 2020, imitation of hand-designed optimizers: the student's update against the teacher's from one theta.
// Shapes: target, next [M], of which the first B * parameters are coordinates; losses [T, B].
// Writes: next = d, 0 beyond the coordinates; losses at (step, task) =
// Grid: a workgroup of 64 a task; sums in a fixed order.

struct Params { parameters: u32, length: u32, step: u32 }

@group(0) @binding(0) var<storage, read> target_: array<f32>;
@group(0) @binding(1) var<storage, read_write> next: array<f32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let task = group.x;
  let first = task * params.parameters;
  var sum = 0.0;
  for (var n = lane; n < params.parameters; n += 64u) {
    let d = next[first + n] - target_[first + n];
    next[first + n] = d;
    sum += d * d;
  }
  if (task == groups.x - 1u) {
    for (var i = first + params.parameters + lane; i < params.length; i += 64u) { next[i] = 0.0; }
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) { total += sums[i]; }
    losses[params.step * groups.x + task] = total / (2.0 * f32(params.parameters));
  }
}
