// What the kernels of batchNorm/* share. A channel's moments are four pairs, a `vec2f` each, means over the n = batch * positions elements that count:
//   STATISTICS  (<x>, <(x - <x>)^2>), the mean and the biased variance
//   ADJOINTS    (<dy>, <dy xhat>), so that n times them are the adjoints of beta and gamma
//   TANGENTS    (<rx>, <rx xhat>): the tangent of the mean, and -1/s^2 times that of s
//   R_ADJOINTS  the tangents of ADJOINTS
// with xhat = (x - <x>) s, s = 1 / sqrt(variance + epsilon). R{xhat} = s (rx - <rx> - xhat <rx xhat>).
// Running statistics are moments too, whose last three slots are 0: as x does not move them, dx = gamma s dy and so on.
// Shapes: moments [B, channels, 4] vec2f: index 4 (task * channels + channel) + slot.
// Source: Ioffe & Szegedy 2015.

const STATISTICS = 0u;
const ADJOINTS = 1u;
const TANGENTS = 2u;
const R_ADJOINTS = 3u;

// PyTorch's default epsilon.
fn inverseDeviation(variance: f32) -> f32 {
  return inverseSqrt(variance + 1e-5);
}

// The values of those of four rows that are in the batch, 0 for the others.
fn inBatch(values: vec4f, row4: u32, batch: u32) -> vec4f {
  return select(vec4f(0.0), values, vec4u(0u, 1u, 2u, 3u) + 4u * row4 < vec4u(batch));
}
