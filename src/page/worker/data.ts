import { CoordwiseError, type TaskConfig, type TaskData } from '../../host/index.ts';

/** What a task draws from; nothing where it draws itself. */
export async function taskData(task: TaskConfig): Promise<TaskData | undefined> {
  if (task.kind !== 'images') return undefined;
  throw new CoordwiseError('the page has no images yet', 'choose another task');
}
