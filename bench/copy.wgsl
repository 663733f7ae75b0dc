// Formula: y[i] = x[i].
// Source: rate of memory as kernels reach it, by vec4f; the bytes moved are those read and those written.
// Shapes: x, y [count4] vec4f.
// Writes: y =
// Grid: x over count4 in workgroups of 256.

struct Params { count4: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  y[id.x] = x[id.x];
}
