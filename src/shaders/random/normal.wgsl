// Formula: target[b, offset + i] = scale * sqrt(-2 ln u1) * cos(2 pi u2), u1 in (0, 1], u2 in [0, 1).
// Source: Box & Muller 1958, on Threefry-2x32 (lib/threefry.wgsl) at counter (i, stream) of task b's key.
// Shapes: keys [B, 2] u32; target [B, stride] f32; i < count.
// Writes: target = (only the elements offset .. offset + count of each task).
// Grid: x over count in workgroups of 64, y over tasks.

struct Params { count: u32, stride: u32, offset: u32, stream: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let bits = threefry(keys[id.y], vec2u(id.x, params.stream));
  let u1 = toUnit(bits.x) + 5.9604644775390625e-8;
  let radius = sqrt(-2.0 * log(u1));
  target_[id.y * params.stride + params.offset + id.x] =
    params.scale * radius * cos(6.283185307179586 * toUnit(bits.y));
}
