// Formula: target[b, offset + i] = low + (high - low) * U(0, 1), drawn at counter (i, stream) of task b's key.
// Source: Threefry-2x32 (lib/threefry.wgsl); 24 bits a value.
// Shapes: keys [B, 2] u32; target [B, stride] f32; i < count.
// Writes: target = (only the elements offset .. offset + count of each task).
// Grid: x over count in workgroups of 64, y over tasks.

struct Params { count: u32, stride: u32, offset: u32, stream: u32, low: f32, high: f32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let unit = toUnit(threefry(keys[id.y], vec2u(id.x, params.stream)).x);
  target_[id.y * params.stride + params.offset + id.x] = params.low + (params.high - params.low) * unit;
}
