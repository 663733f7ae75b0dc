// sin(y), |y| < 10, to a few ULP of 1; WGSL allows the built-in an error of 2^-11, in [-pi, pi] alone.
// y = k pi + r, |r| <= pi / 2, k pi in two parts of which the first is exact; then the series up to r^11.
// Source: the series of the sine.

fn sine(y: f32) -> f32 {
  let k = round(y * 0.3183098861837907);
  let r = (y - k * 3.140625) - k * 9.676535897932e-4;
  let q = r * r;
  let tail = 1.0 - q / 42.0 * (1.0 - q / 72.0 * (1.0 - q / 110.0));
  let value = r * (1.0 - q / 6.0 * (1.0 - q / 20.0 * tail));
  return select(value, -value, (i32(k) & 1) != 0);
}
