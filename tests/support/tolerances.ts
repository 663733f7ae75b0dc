import type { Allowed } from './compare.ts';

/*
 * How far f32 results on the device may be from the float64 reference. docs/numerics.md gives the reason of each
 * by name; tests/numerics.test.ts sees to it that none is missing there.
 */

/** Distance from 1 to the next f32: one unit in the last place (ULP) of a number in [1, 2). */
export const EPSILON = 2 ** -23;

/** The smallest normal f32: what is below it may count as 0. */
export const SMALLEST_NORMAL = 2 ** -126;

/** A sum of `terms` products, in any order, with or without fused multiply-adds; `sizes` sums the terms' sizes. */
export function sumOf(
  terms: number,
  sizes: ArrayLike<number>,
): Required<Pick<Allowed, 'relative' | 'scale'>> {
  return { relative: ((terms + 2) * EPSILON) / 2, scale: sizes };
}

/** A few operations without cancellation: `roundings` ULP of the result. */
export function rounded(roundings: number): { readonly relative: number } {
  return { relative: roundings * EPSILON };
}

/** 1 / (1 + exp(-x)) for |x| <= 8. */
export const SIGMOID: Allowed = { relative: 24 * EPSILON, absolute: SMALLEST_NORMAL };

/** 1 - 2 / (exp(2 x) + 1). */
export const TANH: Allowed = { absolute: 5e-7 };

/** dy * activation' from an output y that is rounded to f32, |dy| <= 1. */
export const ACTIVATION_SLOPE: Allowed = { relative: 4 * EPSILON, absolute: 2 * EPSILON };

/** Both features of log-sign with p, or of clamp with k; `divisor` is p or k. */
export function preprocessAllowed(divisor: number): Allowed {
  return { relative: 8 * EPSILON, absolute: 2 ** -20 / divisor + SMALLEST_NORMAL * Math.exp(divisor) };
}

/** Cross-entropy and its slopes for logits of sizes up to `logit`. */
export function softmaxAllowed(logit: number): { readonly absolute: number } {
  return { absolute: 2 ** -21 + (16 + 2 * logit) * EPSILON };
}

/** h, c and the adjoints of an LSTM cell whose pre-activations sum `terms` products of numbers below 2. */
export function lstmAllowed(terms: number): { readonly absolute: number } {
  return { absolute: 1e-6 + (terms * EPSILON) / 2 };
}

/** Parameters and moving averages after some steps of a hand-designed optimizer or of the meta-optimizer. */
export function afterSteps(steps: number, values: ArrayLike<number>): { readonly absolute: number } {
  const largest = Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { absolute: 8 * steps * EPSILON * largest };
}

/** 1 - beta^t by lib/oneMinusPower. */
export const ONE_MINUS_POWER: Allowed = { relative: 48 * EPSILON };

/** Features [g, m] / sqrt(v) and their adjoints; `sizes` are those of the terms they sum up. */
export function movingAllowed(sizes: ArrayLike<number>): Required<Pick<Allowed, 'relative' | 'scale'>> {
  return { relative: 96 * EPSILON, scale: sizes };
}

/** elu of a sum of three products below 5 in size. */
export const ELU_LAYER = { absolute: 40 * EPSILON } as const;

/** A standard normal draw by Box & Muller, `radius` = sqrt(-2 ln u). */
export function normalAllowed(radius: number): number {
  const ofLog =
    radius < 1.2 ? Math.min(2 ** -20 / Math.max(radius, 2 ** -12), 2 ** -10) : 8 * EPSILON * radius;
  return radius * 2 ** -11 + ofLog;
}

/** A sin(x - p) by episodes/sine, of the amplitude A. */
export const SINE = { relative: 16 * EPSILON } as const;

/** A test function of two variables, its slopes and curvatures, from terms of these sizes. */
export function surfaceAllowed(sizes: ArrayLike<number>): Required<Pick<Allowed, 'relative' | 'scale'>> {
  return { relative: 2 ** -11, scale: sizes };
}

/** Standard errors a sample's moment may be off. */
export const STANDARD_ERRORS = 5;

/** Batch-normalised values, their adjoints and tangents, for channels that are spread as widely as they are large. */
export function batchNormAllowed(values: ArrayLike<number>): { readonly absolute: number } {
  const largest = Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { absolute: 16 * EPSILON * largest };
}

/** The six numbers of a random affine map of strength up to 2: products of a few sines, exponentials and draws. */
export const AFFINE_MAP: Allowed = { absolute: 2e-6 };

/** Bilinear samples, in [0, 1], at places computed in f32 from numbers up to 1.5 times the image's side. */
export function warpAllowed(side: number): { readonly absolute: number } {
  return { absolute: 16 * EPSILON * side };
}
