// What a rate is multiplied by after `before` of `horizon` steps: (1 + cos(pi before / horizon)) / 2, from 1 down to 0, as
// sin(pi / 2 (horizon - before) / horizon)^2, which keeps its digits near 0. Needs lib/sine.
// Source: Loshchilov & Hutter 2017, without restarts.

fn cosineSchedule(before: u32, horizon: u32) -> f32 {
  let left = f32(horizon - min(before, horizon)) / f32(horizon);
  let root = sine(1.5707963267948966 * left);
  return root * root;
}
