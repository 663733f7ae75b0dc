// 1 - beta^t without the cancellation of small t: -expm1(t ln beta), by its series where the exponent is small.
// ln beta as 2 artanh((beta - 1) / (beta + 1)), whose series converges fast near beta = 1 and is exact to f32 there.
// Shapes: of one number each.
// Source: Adam's bias correction (Kingma & Ba 2015).

fn logNearOne(beta: f32) -> f32 {
  let r = (beta - 1.0) / (beta + 1.0);
  let q = r * r;
  let series = 2.0 * r * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q / 9.0))));
  return select(log(beta), series, beta > 0.5);
}

fn oneMinusPower(beta: f32, t: f32) -> f32 {
  if (beta == 0.0) { return 1.0; }
  let x = t * logNearOne(beta);
  let series = -x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))));
  return select(1.0 - exp(x), series, x > -0.5);
}
