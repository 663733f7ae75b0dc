// What is read out of a coordinate's units: bias + sum_j w[j] h[j, n], in rising order of j.
// Shapes: the including file declares const HIDDEN; `weights` [HIDDEN + 1] f32, the bias last, padded to vec4f; `params` with mp4 and hidden, which
// is HIDDEN again; fn unitAt(i: u32) -> vec4f, element i of h [hidden, mp4].
// Source: Andrychowicz et al. 2016, section 2.

fn readout(n: u32) -> vec4f {
  var output = vec4f(weights[HIDDEN / 4u][HIDDEN % 4u]);
  // To an end that the compiler does not know, four rows a pass: unrolled whole, it compiles for most of a second on lavapipe.
  for (var j = 0u; j < params.hidden; j += 4u) {
    let w = weights[j / 4u];
    let at = j * params.mp4 + n;
    output += w.x * unitAt(at);
    if (j + 1u < params.hidden) { output += w.y * unitAt(at + params.mp4); }
    if (j + 2u < params.hidden) { output += w.z * unitAt(at + 2u * params.mp4); }
    if (j + 3u < params.hidden) { output += w.w * unitAt(at + 3u * params.mp4); }
  }
  return output;
}
