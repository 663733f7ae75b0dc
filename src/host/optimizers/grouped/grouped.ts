import { writeTensor } from '../../gpu/readback.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import { THETA0 } from '../gated/weights.ts';
import { alignedLength } from '../namedBlocks.ts';
import type { LearnedOptimizer, NamedWeights } from '../optimizer.ts';
import { bindGrouped } from './bind.ts';
import { requireGroups } from './groups.ts';
import type { GroupSettings } from './settings.ts';
import { byGroup, groupedBlocks, prefixed, splitTheta0 } from './weights.ts';

/** What every group has: an optimizer of the same settings. */
export interface GroupOptimizer {
  /** f32 of its phi, a multiple of 64. */
  readonly length: number;
  /** Makes one whose weights are `phi` [length]. */
  create(phi: Tensor): LearnedOptimizer;
}

/**
 * A learned optimizer with weights of its own for each group of parameters, as DeepMind's released code has one network
 * for some of a model's variables and another one for the rest (Andrychowicz et al. 2016, section 3.3: one LSTM for the
 * convolutional layers, one for the fully connected one). phi holds the groups' phis one after the other, then a learned
 * theta_0 for all of them. Each group starts from the fresh weights of the seed, so that before the first meta-step all of
 * them are the one optimizer that there is without groups.
 * @param given where phi lies; planned in `pool` where it is absent
 */
export function createGrouped(
  pool: TensorPool,
  settings: GroupSettings,
  { length, create }: GroupOptimizer,
  theta0Parameters?: number,
  given?: Tensor,
): LearnedOptimizer {
  const { by, names } = settings;
  const offset = names.length * length;
  const phi = given ?? pool.tensor('phi', [offset + alignedLength(theta0Parameters ?? 0)]);
  const inner = names.map((name, index) => create(phi.view(`phi of ${name}`, index * length, [length])));
  const [first] = inner;
  if (!first) throw new RangeError('a grouped optimizer has at least one group');
  const theta0 = theta0Parameters === undefined ? undefined : { offset, parameters: theta0Parameters };
  const toNamed = (values: Float32Array, ofGroup: (own: Float32Array) => Map<string, NamedWeights>) => {
    const own = (index: number) => values.subarray(index * length, (index + 1) * length);
    const named = prefixed(names.map((name, index) => [name, ofGroup(own(index))] as const));
    if (!theta0) return named;
    const { parameters } = theta0;
    return named.set(THETA0, { shape: [parameters], data: values.slice(offset, offset + parameters) });
  };
  const whole = (parts: readonly Float32Array[], start?: Float32Array): Float32Array => {
    const values = new Float32Array(phi.length);
    for (const [index, part] of parts.entries()) values.set(part, index * length);
    if (start) values.set(start, offset);
    return values;
  };
  /** [tensor, values] of every binding. */
  const tables: (readonly [Tensor, Uint32Array])[] = [];
  const description = `${first.description}, by ${by} (${names.join(', ')})`;
  return {
    description: theta0 ? `${description}, theta_0 learned` : description,
    groupNames: names,
    phi,
    weightCount: inner.reduce((sum, { weightCount }) => sum + weightCount, 0),
    blocks: groupedBlocks(names, length, first.blocks, theta0Parameters),
    ...(theta0 && { theta0: { ...theta0, tensor: phi.view('theta_0', offset, [theta0.parameters]) } }),
    initialPhi: (seed) => whole(inner.map((one) => one.initialPhi(seed))),
    toNamed: (values) => toNamed(values, (own) => first.toNamed(own)),
    gradientToNamed: (gradient) => toNamed(gradient, (own) => first.gradientToNamed(own)),
    fromNamed(weights, source) {
      const { start, shared } = splitTheta0(weights, theta0Parameters, source);
      const parts = byGroup(names, shared, source).map((own, index) =>
        first.fromNamed(own, `${source}: group ${names[index]}`),
      );
      return whole(parts, start);
    },
    bind(binding) {
      if (!binding.groups)
        throw new RangeError('a grouped optimizer is bound with the groups of an optimizee');
      const groups = requireGroups(settings, binding.groups);
      const { bound, indices } = bindGrouped(binding, groups, inner);
      tables.push(...indices);
      return bound;
    },
    upload() {
      for (const [tensor, values] of tables) writeTensor(pool.context, tensor, values);
      for (const one of inner) one.upload?.();
    },
  };
}
