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

/** Loads each task's data once. */
export type DataOf = (task: TaskConfig) => Promise<TaskData | undefined>;

export function dataLoader(): DataOf {
  const loaded = new Map<string, Promise<TaskData | undefined>>();
  return (task) => {
    const key =
      task.kind === 'images' || task.kind === 'glyphs'
        ? [task.kind, 'dataset' in task ? task.dataset : task.turned, task.resolution].join()
        : task.kind;
    const known = loaded.get(key) ?? loadTaskData(task);
    loaded.set(key, known);
    return known;
  };
}
