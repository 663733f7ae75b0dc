import {
  type GlyphSplitName,
  glyphSplit,
  poolGlyphs,
  splitTaskData,
  type TaskConfig,
  type TaskData,
  turnGlyphs,
} from '../host/index.ts';
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
    case 'glyphs': {
      const glyphs = await loadGlyphs();
      const table = (split: GlyphSplitName) => poolGlyphs(glyphSplit(glyphs, split), task.resolution);
      const { distortion: strength, resolution: side } = task;
      const distortion = { strength, side };
      const train = strength > 0 ? { ...glyphSplit(glyphs, 'train'), distortion } : table('train');
      return {
        train: task.turned ? turnGlyphs(train) : train,
        validation: table('validation'),
        test: table('test'),
      };
    }
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
