// A walk over the taps of a convolution that have something under them, channel by channel at each: where the image and the weights are
// read. One loop of four taps a pass instead of three loops in each other, each of which would keep what is summed for itself.
// Needs lib/handedTile.wgsl.
// Shapes: the including file declares fn valueAt(i: u32) -> vec4f, four rows of the image. Places are the indices that it and weightAt
// take; differences wrap around, so that a step may go back. o: where the weights of the lane's outputs are, from a place on.
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

// Adds the products of `count` places from `first` on.
fn tapSums(start: Tile, first: Walk, steps: Steps, count: u32, o: vec2u) -> Tile {
  var sum = start;
  var walk = first;
  // Four a pass: what is carried from pass to pass costs a load and a store on lavapipe.
  for (var turn = 0u; turn < count / 4u; turn++) {
    let second = next(walk, steps);
    let third = next(second, steps);
    let fourth = next(third, steps);
    sum = add(sum, valueAt(walk.place.x), weights(walk.place.y, o));
    sum = add(sum, valueAt(second.place.x), weights(second.place.y, o));
    sum = add(sum, valueAt(third.place.x), weights(third.place.y, o));
    sum = add(sum, valueAt(fourth.place.x), weights(fourth.place.y, o));
    walk = next(fourth, steps);
  }
  for (var turn = 0u; turn < count % 4u; turn++) {
    sum = add(sum, valueAt(walk.place.x), weights(walk.place.y, o));
    walk = next(walk, steps);
  }
  return sum;
}
