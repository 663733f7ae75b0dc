// Formula: dx = dy * y (1 - y) (kind 0, sigmoid), dy * (1 - y^2) (1, tanh), dy where y > 0 (2, relu; 0 at 0), dy or
// 0.01 dy (3, leakyRelu), dy or (y + 1) dy (4, elu; both: the first where y > 0), dy (1 - e^-y) (5, softplus).
// Source: adjoint of activation/forward, from its output y.
// Shapes: y, dy, dx [count / 4] vec4f.
// Writes: dx =
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, kind: u32 }

@group(0) @binding(0) var<storage, read> y: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let value = y[id.x];
  let adjoint = dy[id.x];
  // One place that stores: six take long to compile on lavapipe.
  var result = vec4f(0.0);
  switch (params.kind) {
    case 0u: { result = adjoint * value * (1.0 - value); }
    case 1u: { result = adjoint * (1.0 - value * value); }
    // Where y is NaN the adjoint is NaN too, and passes.
    case 2u: { result = select(adjoint, vec4f(0.0), value <= vec4f(0.0)); }
    case 3u: { result = adjoint * select(vec4f(0.01), vec4f(1.0), value > vec4f(0.0)); }
    case 4u: { result = adjoint * select(value + 1.0, vec4f(1.0), value > vec4f(0.0)); }
    default: { result = adjoint * -expm1(-value); }
  }
  dx[id.x] = result;
}
