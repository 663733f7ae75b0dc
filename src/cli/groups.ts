import {
  groupSizes,
  type OptimizerConfig,
  type ParameterGroup,
  type TaskConfig,
  taskGroups,
  weightBlocksOf,
} from '../host/index.ts';
import { formatCount } from '../report/terminal.ts';

/** What each group of parameters is made of, in words; undefined where one set of weights is for all. */
export function describeGroups(
  optimizer: OptimizerConfig,
  parameters: readonly ParameterGroup[],
): string | undefined {
  if (!optimizer.groups) return undefined;
  return groupSizes(optimizer.groups, parameters, weightBlocksOf(optimizer))
    .map(
      (group) =>
        `${group.name} ${formatCount(group.parameters)} parameters, ${formatCount(group.weights)} weights`,
    )
    .join('; ');
}

/** The same as a row of a report's settings; none where there are no groups. */
export function groupSettings(optimizer: OptimizerConfig, task: TaskConfig): Record<string, string> {
  const text = describeGroups(optimizer, taskGroups(task) ?? []);
  return text === undefined ? {} : { 'optimizer.groups': text };
}
