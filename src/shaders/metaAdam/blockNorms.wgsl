// Formula: norms[k] = sqrt(sum over runs r, i of gradient[offset_k + r * stride_k + i]^2), r * length_k + i in 64 strided sums, added in order.
// Source: the Euclidean norm of each block of the meta-gradient, before the clip.
// Shapes: blocks [K] vec4u = (offset, length of a run, runs, stride); gradient [P]; norms [K].
// Writes: norms =
// Grid: a workgroup of 64 a block; fixed summation order.

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> blocks: array<vec4u>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (group.x >= params.count) { return; }
  let block = blocks[group.x];
  var sum = 0.0;
  for (var i = lane; i < block.y * block.z; i += 64u) {
    let x = gradient[block.x + (i / block.y) * block.w + i % block.y];
    sum += x * x;
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) { total += sums[i]; }
    norms[group.x] = sqrt(total);
  }
}
