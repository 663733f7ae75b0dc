import { parseConfig, trainSchema } from '../host/index.ts';
import { trainInto } from './commands.ts';
import type { Values } from './options.ts';
import { Output } from './output.ts';

/**
 * What `npm start` trains: real digits averaged to 7x7, a 49-20-10 network, 100 steps; sized to finish in under
 * three minutes on two cores of software rendering.
 */
export async function demo(values: Values): Promise<void> {
  const output = new Output(values['json'] === true);
  const config = parseConfig(
    trainSchema,
    {
      task: { kind: 'mlp', resolution: 7 },
      optimizer: { kind: 'l2l', hidden: 10 },
      seed: values['seed'],
      tasks: 1,
      iterations: 1500,
      validation: { tasks: 8, every: 100 },
    },
    'demo',
  );
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  const out =
    typeof values['out'] === 'string' && values['out'] !== '' ? values['out'] : `runs/demo-${stamp}`;
  await trainInto(out, config, { 'test-tasks': 50, ...values }, output);
}
