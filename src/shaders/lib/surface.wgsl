// Which function: the index in SURFACES of src/host/ops/surface.ts.
const BOWL = 0u;
const ROSENBROCK = 1u;
const BEALE = 2u;
const RASTRIGIN = 3u;
const STEEPNESS = 10.0;
const TAU = 6.283185307179586;

// 2 pi x, less the whole turns: sin and cos are exact to a few units near 0 only.
fn turns(x: vec2f) -> vec2f {
  return TAU * (x - round(x));
}

// Beale's three residuals 1.5 - x + x y, 2.25 - x + x y^2, 2.625 - x + x y^3.
fn beale(x: f32, y: f32) -> vec3f {
  return vec3f(1.5, 2.25, 2.625) + x * (vec3f(y, y * y, y * y * y) - vec3f(1.0));
}
