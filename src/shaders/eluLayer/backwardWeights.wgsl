// Formula: dw[j] = sum_n dz[j, n] (u[0, n], u[1, n], 1, 0), dz = dx elu', elu' = 1 where x > 0, else x + 1.
// Source: adjoint of eluLayer/forward in its weights. Each chunk sums its own coordinates; reduce/partials adds the chunks.
// Shapes: u [2, mp4]; x, dx [hidden, mp4]; partials [chunks, stride], of which hidden, vec4f.
// Writes: partials = when accumulate is 0, else +=
// Grid: x over chunks in workgroups of 64, y over hidden; chunk c takes n = c, c + chunks, ...

struct Params { mp4: u32, chunks: u32, stride: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> u: array<vec4f>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dx: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let chunk = id.x;
  if (chunk >= params.chunks) { return; }
  let row = id.y * params.mp4;
  var sum = vec4f(0.0);
  for (var n = chunk; n < params.mp4; n += params.chunks) {
    let dz = dx[row + n] * select(x[row + n] + 1.0, vec4f(1.0), x[row + n] > vec4f(0.0));
    sum += vec4f(dot(dz, u[n]), dot(dz, u[params.mp4 + n]), dot(dz, vec4f(1.0)), 0.0);
  }
  let at = chunk * params.stride + id.y;
  if (params.accumulate == 0u) { partials[at] = sum; } else { partials[at] += sum; }
}
