import { trainSchema } from '../host/index.ts';
import type { Values } from './options.ts';
import { number, parseFlags, text } from './settings.ts';
import { timeStamp, trainInto } from './train.ts';

/**
 * What `npm start` trains: real digits averaged to 7x7, a 49-20-10 network, 40 steps; sized to finish in under
 * three minutes on two cores of software rendering. Returns the exit code.
 */
export async function demo(values: Values): Promise<number> {
  const config = parseFlags(
    trainSchema,
    {
      task: { kind: 'images', resolution: 7 },
      optimizer: { kind: 'l2l', layers: 1, hidden: 16 },
      seed: number(values, 'seed'),
      tasks: 2,
      horizon: 40,
      iterations: 300,
      metaLearningRate: 0.015,
      finalMetaLearningRate: 0.0005,
      clip: 1,
      validation: { tasks: 8, every: 50 },
    },
    '',
  );
  return trainInto(text(values, 'out') || `runs/demo-${timeStamp()}`, config, {
    'test-tasks': 50,
    ...values,
  });
}
