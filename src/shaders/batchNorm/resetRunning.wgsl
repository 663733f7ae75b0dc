// Formula: running_b[c] = (0, 1) in slot STATISTICS, (0, 0) in the others: statistics that x does not move.
// Source: PyTorch, torch.nn.BatchNorm2d, reset_running_stats.
// Shapes: running [B, channels, 4 slots, 2] as in lib/batchNorm.
// Writes: running =
// Grid: x over B * channels * 4 slots in workgroups of 64.

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read_write> running: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  running[id.x] = vec2f(0.0, select(0.0, 1.0, id.x % 4u == STATISTICS));
}
