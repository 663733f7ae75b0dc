// Formula: running_b[c] = momentum running_b[c] + (1 - momentum) (<x>, v), v the batch's unbiased variance: the biased one times
// n / (n - 1), n = batch * positions.
// Source: PyTorch, torch.nn.BatchNorm2d, whose momentum is 1 - momentum here.
// Shapes: moments, running [B, channels, 4 slots, 2] as in lib/batchNorm.
// Writes: running = (slot STATISTICS)
// Grid: x over B * channels in workgroups of 64.

struct Params { count: u32, momentum: f32, unbiased: f32 }

@group(0) @binding(0) var<storage, read> moments: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> running: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let at = 4u * id.x + STATISTICS;
  let batch = moments[at] * vec2f(1.0, params.unbiased);
  running[at] = params.momentum * running[at] + (1.0 - params.momentum) * batch;
}
