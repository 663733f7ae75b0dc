// A walk over the taps of a convolution that have something under them, channel by channel at each: where the image and the weights are
// read. One loop of four taps a pass instead of three loops in each other, each of which would keep what is summed for itself.
// Shapes: places are indices of a vec4f of the image and of a weight; differences wrap around, so that a step may go back.
// Source: the sums of conv2d/forward and conv2d/backwardInput.

// What a step to the next channel adds; what one to the next tap of a line adds, and one to the next line, from the last channel's place.
struct Steps { channel: vec2u, tap: vec2u, line: vec2u, channels: u32, taps: u32 }

// `place`: of the image in x, of the weight in y.
struct Walk { place: vec2u, channel: u32, tap: u32 }

fn next(walk: Walk, steps: Steps) -> Walk {
  let lastChannel = walk.channel + 1u == steps.channels;
  let lastTap = lastChannel && walk.tap + 1u == steps.taps;
  let step = select(select(steps.channel, steps.tap, lastChannel), steps.line, lastTap);
  let tap = select(walk.tap, walk.tap + 1u, lastChannel);
  return Walk(walk.place + step, select(walk.channel + 1u, 0u, lastChannel), select(tap, 0u, lastTap));
}
