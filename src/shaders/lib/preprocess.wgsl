// What a gradient (or a loss) becomes before it enters a learned optimizer, and the slopes of it; shared by preprocess/*
// and gated/*. Kind 0, none: x. Kind 1, log-sign with p: (ln|x| / p, sgn x) where |x| >= e^-p, else (-1, e^p x).
// Kind 2, clamp with k: (max(ln(|x| + eps) / k, -1), clamp(x e^k, -1, 1)), eps = 2^-23.
// NaN stays NaN: the comparisons are written so that it takes the branch that keeps it.
// Source: Andrychowicz et al. 2016, appendix A; clamp as in the code DeepMind released.

struct Preprocess {
  kind: u32,
  // p or k, whichever the kind has.
  p: f32,
  // e^-p and e^p.
  threshold: f32,
  gain: f32,
}

const CLAMP_EPSILON = 1.1920928955078125e-7;

// The first feature, and the only one of kind 0.
fn firstFeature(x: vec4f, how: Preprocess) -> vec4f {
  let size = abs(x);
  switch (how.kind) {
    case 0u: { return x; }
    case 1u: {
      let logarithm = log(max(size, vec4f(how.threshold))) / how.p;
      return select(vec4f(-1.0), logarithm, size >= vec4f(how.threshold));
    }
    default: {
      let logarithm = log(size + CLAMP_EPSILON) / how.p;
      return select(logarithm, vec4f(-1.0), logarithm < vec4f(-1.0));
    }
  }
}

fn secondFeature(x: vec4f, how: Preprocess) -> vec4f {
  if (how.kind == 1u) { return select(how.gain * x, sign(x), abs(x) >= vec4f(how.threshold)); }
  let scaled = x * how.gain;
  return select(scaled, sign(scaled), abs(scaled) > vec4f(1.0));
}

fn firstSlope(x: vec4f, how: Preprocess) -> vec4f {
  let size = abs(x);
  switch (how.kind) {
    case 0u: { return vec4f(1.0); }
    case 1u: { return select(vec4f(0.0), 1.0 / (how.p * x), size >= vec4f(how.threshold)); }
    default: {
      let inside = log(size + CLAMP_EPSILON) / how.p >= vec4f(-1.0);
      return select(vec4f(0.0), sign(x) / (how.p * (size + CLAMP_EPSILON)), inside);
    }
  }
}

fn secondSlope(x: vec4f, how: Preprocess) -> vec4f {
  if (how.kind == 1u) { return select(vec4f(how.gain), vec4f(0.0), abs(x) >= vec4f(how.threshold)); }
  return select(vec4f(0.0), vec4f(how.gain), abs(x * how.gain) <= vec4f(1.0));
}
