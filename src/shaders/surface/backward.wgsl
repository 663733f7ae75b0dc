// Formula: gradient_b = grad f(theta_b), f as in forward.wgsl.
// Source: its derivatives by hand.
// Shapes: theta [B, 2]; gradient [B, 2].
// Writes: gradient =
// Grid: x over B in workgroups of 64.

struct Params { tasks: u32, which: u32 }

@group(0) @binding(0) var<storage, read> theta: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

fn slope(at: vec2f) -> vec2f {
  let x = at.x;
  let y = at.y;
  switch params.which {
    case BOWL: { return vec2f(x, STEEPNESS * y); }
    case ROSENBROCK: {
      let valley = y - x * x;
      return vec2f(2.0 * (x - 1.0) - 400.0 * x * valley, 200.0 * valley);
    }
    case BEALE: {
      let residuals = beale(x, y);
      let alongX = vec3f(y, y * y, y * y * y) - vec3f(1.0);
      let alongY = x * vec3f(1.0, 2.0 * y, 3.0 * y * y);
      return 2.0 * vec2f(dot(residuals, alongX), dot(residuals, alongY));
    }
    default: { return 2.0 * at + 10.0 * TAU * sin(turns(at)); }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  gradient[id.x] = slope(theta[id.x]);
}
