// Formula: scales[b, i] = factor exp(range (2 U - 1)), U ~ U(0, 1) drawn at counter (i, stream) of task b's key; 1 for i < first.
// Source: Lv, Jiang & Li 2017, section 4.3, random scaling; Threefry-2x32 (lib/threefry.wgsl), 24 bits a value.
// Shapes: keys [B, 2] u32; scales [B, parameters].
// Writes: scales =
// Grid: x over parameters in workgroups of 64, y over tasks.

struct Params { parameters: u32, first: u32, stream: u32, range: f32, factor: f32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> scales: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.parameters) { return; }
  let unit = toUnit(threefry(keys[id.y], vec2u(id.x, params.stream)).x);
  let scale = params.factor * exp(params.range * (2.0 * unit - 1.0));
  scales[id.y * params.parameters + id.x] = select(scale, 1.0, id.x < params.first);
}
