// Formula: du[k, n] = sum_j w[j][k] dx[j, n] elu'[j, n], elu' = 1 where x > 0, else x + 1.
// Source: adjoint of eluLayer/forward in its inputs, from its output x; only second-order meta-gradients take it.
// Shapes: weights [HIDDEN] vec4f (weight of either input, bias, unused); x, dx [HIDDEN, mp4]; du [2, mp4], vec4f.
// Writes: du =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, HIDDEN>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dx: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> du: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  var first = vec4f(0.0);
  var second = vec4f(0.0);
  for (var j = 0u; j < HIDDEN; j++) {
    let at = j * params.mp4 + id.x;
    let dz = dx[at] * select(x[at] + 1.0, vec4f(1.0), x[at] > vec4f(0.0));
    first += weights[j].x * dz;
    second += weights[j].y * dz;
  }
  du[id.x] = first;
  du[params.mp4 + id.x] = second;
}
