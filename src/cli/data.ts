import { glyphSplits, splitTaskData, type TaskConfig, type TaskData } from '../host/index.ts';
import { loadDataset, loadGlyphs } from '../node/index.ts';

/** The images or glyphs a task needs, if it needs any. */
export async function loadTaskData(task: TaskConfig): Promise<TaskData | undefined> {
  switch (task.kind) {
    case 'quadratic':
    case 'surface':
    case 'sine':
    case 'own':
      return undefined;
    case 'images': {
      const { train, test } = await loadDataset(task.dataset, task.resolution);
      return splitTaskData(train, test);
    }
    case 'glyphs':
      return glyphSplits(await loadGlyphs(), task);
  }
}

/** What decides a task's data. */
function dataKey(task: TaskConfig): string {
  if (task.kind === 'images') return [task.kind, task.dataset, task.resolution].join();
  if (task.kind !== 'glyphs') return task.kind;
  return [task.kind, task.turned, task.mirrored, task.distortion, task.resolution].join();
}

/** Loads each task's data once. */
export type DataOf = (task: TaskConfig) => Promise<TaskData | undefined>;

export function dataLoader(): DataOf {
  const loaded = new Map<string, Promise<TaskData | undefined>>();
  return (task) => {
    const key = dataKey(task);
    const known = loaded.get(key) ?? loadTaskData(task);
    loaded.set(key, known);
    return known;
  };
}
