import { FileFormatError } from '../../errors.ts';
import type { ParameterGroup } from '../../ops/coordinates.ts';
import { checkTheta0, THETA0 } from '../gated/weights.ts';
import { blockSize, contiguousBlock, fromNamed, namedBlock } from '../namedBlocks.ts';
import type { NamedWeights, WeightBlock } from '../optimizer.ts';
import { requireGroups } from './groups.ts';
import type { GroupSettings } from './settings.ts';

/** A tensor's or a block's name in files: 'conv.lstm.0.weight_ih'. Names of groups hold no dot. */
function nameOf(group: string, name: string): string {
  return `${group}.${name}`;
}

/** The blocks of every group's phi, one phi of `length` f32 after the other, then those of a learned theta_0. */
export function groupedBlocks(
  names: readonly string[],
  length: number,
  blocks: readonly WeightBlock[],
  theta0Parameters: number | undefined,
): WeightBlock[] {
  const own = names.flatMap((group, index) =>
    blocks.map((block) => ({
      ...block,
      name: nameOf(group, block.name),
      offset: index * length + block.offset,
    })),
  );
  if (theta0Parameters === undefined) return own;
  return [...own, contiguousBlock(THETA0, names.length * length, theta0Parameters)];
}

/** The tensors of every group, under its name. */
export function prefixed(
  groups: Iterable<readonly [string, ReadonlyMap<string, NamedWeights>]>,
): Map<string, NamedWeights> {
  const all = new Map<string, NamedWeights>();
  for (const [group, tensors] of groups) {
    for (const [name, tensor] of tensors) all.set(nameOf(group, name), tensor);
  }
  return all;
}

/**
 * The tensors of each of the groups `names`, under their names within it.
 * @throws FileFormatError where a tensor belongs to none of them.
 */
export function byGroup(
  names: readonly string[],
  weights: ReadonlyMap<string, NamedWeights>,
  source: string,
): Map<string, NamedWeights>[] {
  const stray = [...weights.keys()].find((name) => !names.includes(name.split('.')[0] ?? ''));
  if (stray !== undefined) {
    throw new FileFormatError(
      `${source} holds a tensor ${stray} that is of none of the groups ${names.join(', ')}`,
      'use a weights file of the same groups, or settings without groups for weights without',
    );
  }
  return names.map((group) => {
    const own = [...weights].filter(([name]) => name.startsWith(nameOf(group, '')));
    return new Map(own.map(([name, tensor]) => [name.slice(group.length + 1), tensor]));
  });
}

/**
 * theta_0 of `parameters` values, where the settings have one, and the tensors of the groups.
 * @throws FileFormatError where theta_0 is missing, not finite or of another architecture
 */
export function splitTheta0(
  weights: ReadonlyMap<string, NamedWeights>,
  parameters: number | undefined,
  source: string,
): { readonly start: Float32Array | undefined; readonly shared: ReadonlyMap<string, NamedWeights> } {
  const checked = checkTheta0(weights, parameters, source);
  const shared = checkTheta0(weights, undefined, source);
  if (parameters === undefined) return { start: undefined, shared };
  const blocks = [namedBlock(THETA0, [parameters], (index) => index)];
  const own = new Map([...checked].filter(([name]) => name === THETA0));
  return { start: fromNamed(blocks, parameters, own, source, 'grouped'), shared };
}

/** What a group is made of. */
export interface GroupSize {
  readonly name: string;
  /** Of a task. */
  readonly parameters: number;
  /** Weights of the optimizer that these parameters share, one bias a layer. */
  readonly weights: number;
}

/**
 * What the groups of an optimizer are made of on an optimizee.
 * @throws ConfigError where it does not have these groups
 */
export function groupSizes(
  settings: GroupSettings,
  parameters: readonly ParameterGroup[],
  blocks: readonly WeightBlock[],
): GroupSize[] {
  return requireGroups(settings, parameters).map(({ name, count }) => {
    const own = blocks.filter((block) => block.name.startsWith(nameOf(name, '')));
    return { name, parameters: count, weights: own.reduce((sum, block) => sum + blockSize(block), 0) };
  });
}
