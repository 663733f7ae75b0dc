// Formula: mean_b[c] = (1 - momentum) mean_b[c] + momentum <x>; variance likewise with the batch's unbiased variance, that is
// the biased one times n / (n - 1), n = batch * positions.
// Source: PyTorch, torch.nn.BatchNorm2d.
// Shapes: moments [B, channels, 4 slots, 2] as in lib/batchNorm; mean, variance [B, channels].
// Writes: mean =, variance =
// Grid: x over B * channels in workgroups of 64.

struct Params { count: u32, momentum: f32, unbiased: f32 }

@group(0) @binding(0) var<storage, read> moments: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> variance: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let statistics = moments[4u * id.x + STATISTICS];
  mean[id.x] = (1.0 - params.momentum) * mean[id.x] + params.momentum * statistics.x;
  variance[id.x] = (1.0 - params.momentum) * variance[id.x] + params.momentum * params.unbiased * statistics.y;
}
