// Formula: partials[b, c] = sum over the coordinates n = c, c + chunks, ... of task b of the adjoints du[loss features, n].
// Source: adjoint of the loss's broadcast in gated/inputs, first stage of a deterministic sum.
// Shapes: du [>= features, mp4 vec4f] read as f32, the loss's features first; partials [tasks, chunks] vec2f.
// Writes: partials =
// Grid: x over chunks in workgroups of 64, y over tasks.

struct Params { mp4: u32, parameters: u32, chunks: u32, features: u32 }

@group(0) @binding(0) var<storage, read> du: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.chunks) { return; }
  let first = id.y * params.parameters;
  let second = first + (params.features - 1u) * params.mp4 * 4u;
  var sum = vec2f(0.0);
  for (var n = id.x; n < params.parameters; n += params.chunks) {
    sum += vec2f(du[first + n], du[second + n]);
  }
  partials[id.y * params.chunks + id.x] = sum;
}
