import type { Algebra } from './scalar.ts';
import { clip, select } from './scalar.ts';

/** How a gradient coordinate becomes inputs of a learned optimizer; see `preprocess`. */
export type Preprocess =
  | { readonly kind: 'identity' }
  | { readonly kind: 'log-sign'; readonly p: number }
  | { readonly kind: 'clamp'; readonly k: number };

/** Machine epsilon of float32, 2^-23: what DeepMind's clamp form adds before the logarithm. */
export const FLOAT32_EPSILON = 1.1920929e-7;

/** Number of inputs a coordinate yields: 1 for identity, 2 otherwise. */
export function preprocessWidth(form: Preprocess): 1 | 2 {
  return form.kind === 'identity' ? 1 : 2;
}

/**
 * Gradient preprocessing of one coordinate g.
 * - `identity`: [g]
 * - `log-sign` (Andrychowicz et al. 2016, appendix A; p = 10 there):
 *   [ln|g| / p, sgn g] where |g| >= e^-p, else [-1, e^p g]
 * - `clamp` (LogAndSign of DeepMind's learning-to-learn, k = 5 there), eps = 1.1920929e-7:
 *   [max(ln(|g| + eps) / k, -1), clip(g e^k, -1, 1)]
 */
export function preprocess<S>(A: Algebra<S>, form: Preprocess, g: S): S[] {
  switch (form.kind) {
    case 'identity':
      return [g];
    case 'log-sign': {
      const { p } = form;
      const large = Math.abs(A.value(g)) >= Math.exp(-p);
      const magnitude = A.log(select(large, A.abs(g), A.constant(1)));
      return [
        select(large, A.div(magnitude, A.constant(p)), A.constant(-1)),
        select(large, A.constant(Math.sign(A.value(g))), A.mul(g, A.constant(Math.exp(p)))),
      ];
    }
    case 'clamp': {
      const { k } = form;
      const magnitude = A.log(A.add(A.abs(g), A.constant(FLOAT32_EPSILON)));
      return [
        A.max(A.div(magnitude, A.constant(k)), A.constant(-1)),
        clip(A, A.mul(g, A.constant(Math.exp(k))), -1, 1),
      ];
    }
  }
}
