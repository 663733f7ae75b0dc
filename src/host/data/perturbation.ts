import { STREAMS, threefry, type Words } from './threefry.ts';

/** The key of a meta-step's perturbations. */
export function perturbationKey(seed: number, iteration: number): Words {
  return threefry([seed >>> 0, STREAMS.perturbation], [iteration, 0]);
}

/**
 * Perturbation of element `index` of phi in an antithetic pair, as src/shaders/pes/perturb.wgsl draws it, bit for bit: the
 * sum of twelve uniform numbers about its mean, so close to normal, with variance 1 - 2^-32.
 */
export function perturbation(key: Words, pair: number, index: number): number {
  let sum = 0;
  for (let j = 0; j < 3; j++) {
    for (const word of threefry(key, [index, 4 * pair + j])) sum += (word & 0xffff) + (word >>> 16);
  }
  return (sum - 393_210) / 65_536;
}
