// Formula: norm = ||gradient||; ok = norm and the sum of losses are finite; scale = ok ? min(1, clip / norm) : 0.
// Source: global-norm clipping, Pascanu et al. 2013; a meta-step that is not finite is skipped and counted.
// Shapes: gradient [count] vec4f; losses [lossCount]; status [4] f32 = (norm, scale, applied meta-steps, skipped meta-steps).
// Writes: status = (the counts are read and raised by one)
// Grid: one workgroup of 64; fixed summation order.

struct Params { count: u32, lossCount: u32, clip: f32 }

@group(0) @binding(0) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(1) var<storage, read> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<vec2f, 64>;

fn finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec2f(0.0);
  for (var i = lane; i < params.count; i += 64u) { sum.x += dot(gradient[i], gradient[i]); }
  for (var i = lane; i < params.lossCount; i += 64u) { sum.y += losses[i]; }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = vec2f(0.0);
    for (var i = 0u; i < 64u; i++) { total += sums[i]; }
    let norm = sqrt(total.x);
    let ok = finite(norm) && finite(total.y);
    status[0] = norm;
    status[1] = select(0.0, min(1.0, params.clip / max(norm, 1.1754944e-38)), ok);
    if (ok) { status[2] += 1.0; } else { status[3] += 1.0; }
  }
}
