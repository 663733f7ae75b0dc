// Formula: product_b = H v_b, H the Hessian of f at theta_b, f as in forward.wgsl.
// Source: its second derivatives by hand.
// Shapes: theta [B, 2]; v [B, 2]; product [B, 2].
// Writes: product =
// Grid: x over B in workgroups of 64.

struct Params { tasks: u32, which: u32 }

@group(0) @binding(0) var<storage, read> theta: array<vec2f>;
@group(0) @binding(1) var<storage, read> v: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> product: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

// (d2f/dx2, d2f/dxdy, d2f/dy2)
fn curvature(at: vec2f) -> vec3f {
  let x = at.x;
  let y = at.y;
  switch params.which {
    case BOWL: { return vec3f(1.0, 0.0, STEEPNESS); }
    case ROSENBROCK: { return vec3f(2.0 + 1200.0 * x * x - 400.0 * y, -400.0 * x, 200.0); }
    case BEALE: {
      let residuals = beale(x, y);
      let alongX = vec3f(y, y * y, y * y * y) - vec3f(1.0);
      let powers = vec3f(1.0, 2.0 * y, 3.0 * y * y);
      let alongY = x * powers;
      let twiceY = x * vec3f(0.0, 2.0, 6.0 * y);
      let mixed = dot(alongX, alongY) + dot(residuals, powers);
      return 2.0 * vec3f(dot(alongX, alongX), mixed, dot(alongY, alongY) + dot(residuals, twiceY));
    }
    default: {
      let bends = vec2f(2.0) + 10.0 * TAU * TAU * cos(turns(at));
      return vec3f(bends.x, 0.0, bends.y);
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  let bends = curvature(theta[id.x]);
  product[id.x] = vec2f(dot(bends.xy, v[id.x]), dot(bends.yz, v[id.x]));
}
