import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A run of a few seconds: episodes of two meta-steps, a validation and a checkpoint every four. */
export const small = [
  ...['quadratic', '--dimension', '3', '--layers', '1', '--hidden', '4', '--tasks', '2'],
  ...['--unroll', '5', '--horizon', '10', '--validation-tasks', '2', '--validate-every', '4'],
];
export const evaluationOfSmall = ['--test-tasks', '3', '--baselines', 'sgd,adam'];
export const long = ['train', ...small, '--iterations', '160', '--no-evaluate'];
/** What training leaves in a run folder. */
export const files = [
  'best.safetensors',
  'checkpoint.safetensors',
  'config.json',
  'log.jsonl',
  'sessions.json',
];

/** What a run leaves: the bytes of its weights and the text of its log. */
export function outcome(run: string): { best: Buffer; checkpoint: Buffer; log: string } {
  const read = (name: string) => readFileSync(join(run, name));
  return {
    best: read('best.safetensors'),
    checkpoint: read('checkpoint.safetensors'),
    log: read('log.jsonl').toString(),
  };
}
