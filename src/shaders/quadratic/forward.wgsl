// Formula: residual[b, i] = sum_j W[b, i, j] * v[b, j] - y[b, i]; loss[b] = sum_i residual[b, i]^2; gradient as quadratic/backward.
// Source: the quadratic problem (Andrychowicz et al. 2016, section 3.1); one dispatch a step, since starting one costs more than its work.
// Shapes: W [B, D, D]; y [B, D]; v [B, D]; residual [B, D]; losses [slots, B]; gradient [B, D].
// Writes: residual =, losses = (the B elements of `slot`), gradient = where withGradient is 1
// Grid: x over groups of `tasks` tasks, a workgroup of 64 each; a thread makes a row, then a column of its tasks.

struct Params { count: u32, dimension: u32, tasks: u32, slot: u32, withGradient: u32 }

@group(0) @binding(0) var<storage, read> W: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let d = params.dimension;
  let first = group.x * params.tasks * d + lane;
  let end = min((group.x + 1u) * params.tasks * d, params.count);
  for (var e = first; e < end; e += 64u) {
    var sum = -y[e];
    for (var j = 0u; j < d; j++) { sum += W[e * d + j] * v[e / d * d + j]; }
    residual[e] = sum;
  }
  storageBarrier();
  for (var e = first; e < end; e += 64u) {
    let task = e / d;
    let column = e % d;
    var sum = 0.0;
    var loss = 0.0;
    for (var i = 0u; i < d; i++) {
      let r = residual[task * d + i];
      sum += W[(task * d + i) * d + column] * r;
      loss += r * r;
    }
    if (params.withGradient == 1u) { gradient[e] = 2.0 * sum; }
    if (column == 0u) { losses[params.slot * (params.count / d) + task] = loss; }
  }
}
