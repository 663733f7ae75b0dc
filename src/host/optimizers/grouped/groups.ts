import { ConfigError } from '../../errors.ts';
import type { ParameterGroup } from '../../ops/coordinates.ts';
import type { Grouping, GroupSettings } from './settings.ts';

/** A group of parameters of every task: runs of them, in a task's row of N, in rising order. */
export interface CoordinateGroup {
  readonly name: string;
  readonly ranges: readonly { readonly offset: number; readonly count: number }[];
  /** Parameters of a task in the group. */
  readonly count: number;
}

/**
 * The groups of an optimizee's parameters: by kind one for each kind of layer, whatever the layers' sizes and number
 * ('conv', 'dense'); by layer one for each layer, whatever its size ('conv1', 'dense2').
 */
export function coordinateGroups(by: Grouping, parameters: readonly ParameterGroup[]): CoordinateGroup[] {
  const groups = new Map<string, CoordinateGroup>();
  for (const [index, { kind, offset, count }] of parameters.entries()) {
    const name = by === 'kinds' ? kind : `${kind}${index + 1}`;
    const before = groups.get(name);
    groups.set(name, {
      name,
      ranges: [...(before?.ranges ?? []), { offset, count }],
      count: (before?.count ?? 0) + count,
    });
  }
  return [...groups.values()];
}

/** The names of those groups: what is learned for them fits every optimizee with groups of these names. */
export function groupNames(by: Grouping, parameters: readonly ParameterGroup[]): string[] {
  return coordinateGroups(by, parameters).map(({ name }) => name);
}

/**
 * The groups that weights are for, in their order, found among an optimizee's parameters.
 * @throws ConfigError with both lists where the optimizee has a group that was not trained, or lacks one that was.
 */
export function requireGroups(
  { by, names }: GroupSettings,
  parameters: readonly ParameterGroup[],
): CoordinateGroup[] {
  const groups = coordinateGroups(by, parameters);
  const found = names.map((name) => groups.find((group) => group.name === name));
  const known = found.filter((group) => group !== undefined);
  if (known.length === names.length && known.length === groups.length) return known;
  const present = groups.map(({ name }) => name).join(', ');
  throw new ConfigError(
    `the optimizer has weights for the groups ${names.join(', ')}, and this task's parameters are ${present}`,
    by === 'kinds'
      ? 'use it on a network with the same kinds of layers, or train one without groups, which fits any'
      : 'use it on a network with the same layers in any sizes, or train one by kinds of layers or without groups',
  );
}
