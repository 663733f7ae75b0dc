// e^x - 1 without the cancellation near 0: by its series for |x| < 1/2, where it leaves out x^7 / 8!. Exact limits far
// from 0; shared by activation/*.
// Shapes: of four numbers at once, one by one.
// Source: the series of the exponential function, as C's expm1.

fn expm1(x: vec4f) -> vec4f {
  let series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))))));
  return select(exp(x) - 1.0, series, abs(x) < vec4f(0.5));
}
