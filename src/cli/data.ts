import { splitTaskData, type TaskConfig, type TaskData } from '../host/index.ts';
import { loadDataset } from '../node/index.ts';

/** The images a task needs, if it needs any. */
export async function loadTaskData(task: TaskConfig): Promise<TaskData | undefined> {
  if (task.kind === 'quadratic') return undefined;
  const { train, test } = await loadDataset(task.dataset, task.resolution);
  return splitTaskData(train, test);
}
