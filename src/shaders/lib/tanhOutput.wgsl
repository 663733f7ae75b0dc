// The hyperbolic tangent of what is read out, and its slope.
// Needs lib/lstmCell.wgsl.
// Shapes: vec4f, four coordinates.
// Source: Lv, Jiang & Li 2017, section 4.2.

fn squashed(output: vec4f) -> vec4f {
  // NaN stays NaN, though some adapters' exp loses it.
  let isNaN = (bitcast<vec4u>(output) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
  return select(tanhFast(output), output, isNaN);
}

// scale (1 - tanh^2), the latter as 4 e / (1 + e)^2 with e = exp(-2 |out|): no digits lost where tanh is near 1.
fn scaledSlope(scale: f32, output: vec4f) -> vec4f {
  let e = exp(-2.0 * abs(output));
  let r = 1.0 / (1.0 + e);
  return scale * 4.0 * e * r * r;
}
