// Formula: losses[slot, b] = f(x, y), (x, y) = theta_b. Bowl: (x^2 + 10 y^2) / 2; Rosenbrock: (1 - x)^2 + 100 (y - x^2)^2;
// Formula: Beale: the sum of the squares of lib/surface's beale(x, y); Rastrigin: the sum over x, y of 10 + x^2 - 10 cos 2 pi x.
// Source: Rosenbrock 1960; Beale 1958; Rastrigin 1974 (Muehlenbein et al. 1991).
// Shapes: theta [B, 2]; losses [slots, B].
// Writes: losses = (only the B elements of `slot`)
// Grid: x over B in workgroups of 64.

struct Params { tasks: u32, which: u32, slot: u32 }

@group(0) @binding(0) var<storage, read> theta: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> losses: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn value(at: vec2f) -> f32 {
  let square = at * at;
  switch params.which {
    case BOWL: { return 0.5 * (square.x + STEEPNESS * square.y); }
    case ROSENBROCK: {
      let valley = at.y - square.x;
      return (1.0 - at.x) * (1.0 - at.x) + 100.0 * valley * valley;
    }
    case BEALE: {
      let residuals = beale(at.x, at.y);
      return dot(residuals, residuals);
    }
    default: {
      let waves = vec2f(10.0) + square - 10.0 * cos(turns(at));
      return waves.x + waves.y;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  losses[params.slot * params.tasks + id.x] = value(theta[id.x]);
}
