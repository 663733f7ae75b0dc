// A walk along the rows of a matrix product: where the values and the weights are read is the same step further each time.
// Needs lib/handedTile.wgsl.
// Shapes: the including file declares fn valueAt(i: u32) -> vec4f, four rows of a value. Places: of the value in x, of the weight in y, indices
// that it and weightAt take. o: where the weights of the lane's outputs are, from a place on.
// Source: the sums of dense/forward and dense/backwardInput.

// Adds the products of `count` places from `first` on.
fn rowSums(start: Tile, first: vec2u, step: vec2u, count: u32, o: vec2u) -> Tile {
  var sum = start;
  // Four a pass: what is carried from pass to pass costs a load and a store on lavapipe.
  let passes = count / 4u;
  for (var turn = 0u; turn < passes; turn++) {
    let at = first + 4u * turn * step;
    sum = addPlace(sum, at, o);
    sum = addPlace(sum, at + step, o);
    sum = addPlace(sum, at + 2u * step, o);
    sum = addPlace(sum, at + 3u * step, o);
  }
  for (var k = 4u * passes; k < count; k++) { sum = addPlace(sum, first + k * step, o); }
  return sum;
}

fn addPlace(to: Tile, place: vec2u, o: vec2u) -> Tile {
  return add(to, valueAt(place.x), weights(place.y, o));
}
