// Formula: partials[c, b] = sum over n = c, c + chunks, ... of (u u, g g, r r, u r) at element n of task b, u = next - theta.
// Source: first stage of deterministic dot products: of an update with itself and with another optimizer's step r.
// Shapes: theta, next, g, r [B * parameters]; partials [chunks, B] vec4f.
// Writes: partials =
// Grid: x over chunks in workgroups of 64, y over tasks.

struct Params { tasks: u32, parameters: u32, chunks: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> next: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read> r: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.chunks) { return; }
  let first = id.y * params.parameters;
  var sum = vec4f(0.0);
  for (var n = id.x; n < params.parameters; n += params.chunks) {
    let update = next[first + n] - theta[first + n];
    let gradient = g[first + n];
    let other = r[first + n];
    sum += vec4f(update * update, gradient * gradient, other * other, update * other);
  }
  partials[id.x * params.tasks + id.y] = sum;
}
