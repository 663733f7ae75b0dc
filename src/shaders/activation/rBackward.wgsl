// Formula: rdx = rdy a' + dy a'' rx, with a'' rx = (1 - 2 y) ry (kind 0, sigmoid), -2 y ry (1, tanh), 0 (2, relu; 3,
// leakyRelu), 0 or ry (4, elu; the first where y > 0), e^-y ry (5, softplus).
// Source: tangent of activation/backward, from the output y and its tangent ry = a' rx (Pearlmutter 1994).
// Shapes: y, ry, dy, rdy, rdx [count / 4] vec4f.
// Writes: rdx =
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, kind: u32 }

@group(0) @binding(0) var<storage, read> y: array<vec4f>;
@group(0) @binding(1) var<storage, read> ry: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> rdy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> rdx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let value = y[id.x];
  let bent = dy[id.x] * ry[id.x];
  let adjoint = rdy[id.x];
  switch (params.kind) {
    case 0u: { rdx[id.x] = adjoint * value * (1.0 - value) + bent * (1.0 - 2.0 * value); }
    case 1u: { rdx[id.x] = adjoint * (1.0 - value * value) - 2.0 * bent * value; }
    case 2u: { rdx[id.x] = select(adjoint, vec4f(0.0), value <= vec4f(0.0)); }
    case 3u: { rdx[id.x] = adjoint * select(vec4f(0.01), vec4f(1.0), value > vec4f(0.0)); }
    case 4u: { rdx[id.x] = select(adjoint * (value + 1.0) + bent, adjoint, value > vec4f(0.0)); }
    default: { rdx[id.x] = adjoint * -expm1(-value) + bent * exp(-value); }
  }
}
