// Formula: dw[j] = scale * sum_n dnext[n] h[j, n]; dbias = scale * sum_n dnext[n].
// Source: adjoint of coordinateOutput/forward in its weights. Each chunk sums its own coordinates; reduce/partials adds the chunks.
// Shapes: h [HIDDEN, mp4]; dnext [mp4]; partials [chunks, stride], of which (HIDDEN + 1) / 4 rounded up, vec4f; components past the bias are 0.
// Writes: partials = when accumulate is 0, else +=
// Grid: x over chunks in workgroups of 64, y over groups of 4 weights; chunk c takes n = c, c + chunks, ...

struct Params { mp4: u32, chunks: u32, stride: u32, accumulate: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> h: array<vec4f>;
@group(0) @binding(1) var<storage, read> dnext: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn inputOf(j: u32, n: u32) -> vec4f {
  if (j < HIDDEN) { return h[j * params.mp4 + n]; }
  return vec4f(select(0.0, 1.0, j == HIDDEN));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let chunk = id.x;
  if (chunk >= params.chunks) { return; }
  let j = id.y * 4u;
  var sum = vec4f(0.0);
  for (var n = chunk; n < params.mp4; n += params.chunks) {
    let inputs = mat4x4f(inputOf(j, n), inputOf(j + 1u, n), inputOf(j + 2u, n), inputOf(j + 3u, n));
    sum += dnext[n] * inputs;
  }
  let at = chunk * params.stride + id.y;
  if (params.accumulate == 0u) { partials[at] = params.scale * sum; } else { partials[at] += params.scale * sum; }
}
