// Formula: d_i = sum over t, b of w_t (l_{2 i} - l_{2 i + 1})[t, b] / (2 sigma B pairs), l_j the losses of member j.
// Source: Vicol, Metz & Sohl-Dickstein 2021, the antithetic estimate; xi counts in units of sigma, hence one sigma less.
// Shapes: weights [T + 1]; losses [2 pairs, stride], of which the first (T + 1) * B of a row; differences [pairs].
// Writes: differences =
// Grid: a workgroup of 64 a pair; sums in a fixed order.

struct Params { count: u32, stride: u32, tasks: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> differences: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let plus = 2u * group.x * params.stride;
  let minus = plus + params.stride;
  var sum = 0.0;
  for (var i = lane; i < params.count; i += 64u) {
    sum += weights[i / params.tasks] * (losses[plus + i] - losses[minus + i]);
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) { total += sums[i]; }
    differences[group.x] = params.scale * total;
  }
}
