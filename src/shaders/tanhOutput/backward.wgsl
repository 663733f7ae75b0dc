// Formula: dout[n] = -scale * (1 - tanh(out)^2) * dnext[n], out = bias + sum_j w[j] h[j, n].
// Source: adjoint of tanhOutput/forward in what the tanh takes; from there on coordinateOutput/backward* with scale 1. The adjoint of theta is dnext itself.
// Shapes: weights [HIDDEN + 1] f32, the bias last, padded to vec4f; h [HIDDEN, mp4]; dnext, dout [mp4], vec4f.
// Writes: dout =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, scale: f32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, HIDDEN / 4 + 1>;
@group(0) @binding(1) var<storage, read> h: array<vec4f>;
@group(0) @binding(2) var<storage, read> dnext: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dout: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  var output = vec4f(weights[HIDDEN / 4u][HIDDEN % 4u]);
  for (var j = 0u; j < HIDDEN; j++) {
    output += weights[j / 4u][j % 4u] * h[j * params.mp4 + id.x];
  }
  // 1 - tanh^2 as 4 e / (1 + e)^2 with e = exp(-2 |out|): no digits lost where tanh is near 1.
  let e = exp(-2.0 * abs(output));
  let r = 1.0 / (1.0 + e);
  dout[id.x] = -params.scale * 4.0 * e * r * r * dnext[id.x];
}
