// Formula: x[j, n] = elu(w[j].x u[0, n] + w[j].y u[1, n] + w[j].z), elu(z) = z where z > 0, else e^z - 1.
// Source: Lv, Jiang & Li 2017, section 4.2: the layer before RNNprop's LSTM; ELU, Clevert et al. 2016.
// Shapes: weights [HIDDEN] vec4f (weight of either input, bias, unused); u [2, mp4]; x [HIDDEN, mp4], vec4f.
// Writes: x =
// Grid: x over mp4 in workgroups of 64, y over HIDDEN.

struct Params { mp4: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, HIDDEN>;
@group(0) @binding(1) var<storage, read> u: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  let w = weights[id.y];
  let z = w.x * u[id.x] + w.y * u[params.mp4 + id.x] + w.z;
  // NaN stays NaN, though some adapters' exp loses it.
  let isNaN = (bitcast<vec4u>(z) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
  x[id.y * params.mp4 + id.x] = select(select(expm1(z), z, z > vec4f(0.0)), z, isNaN);
}
