import { describe, expect, it } from 'vitest';
import { sineEpisode } from '../src/host/data/episodes.ts';
import { STREAMS, taskKeys, type Words } from '../src/host/data/threefry.ts';
import { recordSineEpisode } from '../src/host/ops/episodes.ts';
import { at } from '../src/reference/scalar.ts';
import { expectClose } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { SINE, STANDARD_ERRORS } from './support/tolerances.ts';

const gpu = gpuForThisFile();

const keyOf = (keys: Uint32Array, task: number): Words => [at(keys, 2 * task), at(keys, 2 * task + 1)];
const tasksOf = (keys: Uint32Array) => Array.from({ length: keys.length / 2 }, (_, task) => task);

describe('episodes/sine', () => {
  const streams = { taskStream: STREAMS.sineTask, pointStream: STREAMS.sinePoints };

  async function draw(keys: Uint32Array, numbers: { rows: number; batch: number; first: number }) {
    const length = (keys.length / 2) * numbers.rows;
    return runKernels(gpu(), { keys, x: unwritten(length), target: unwritten(length) }, (program, tensors) =>
      recordSineEpisode(program, tensors, { ...numbers, ...streams }),
    );
  }

  it.each([
    { rows: 4, batch: 1, first: 0 },
    { rows: 64, batch: 63, first: 5 },
    { rows: 68, batch: 65, first: 0 },
    { rows: 132, batch: 131, first: 10 },
  ])('$batch points from number $first on', async (numbers) => {
    const keys = taskKeys(4, 'train', 1, 3);
    const { x, target } = await draw(keys, numbers);
    const padding = new Array<number>(numbers.rows - numbers.batch).fill(0);
    const tasks = tasksOf(keys).map((task) => sineEpisode(keyOf(keys, task), numbers));
    expect(Array.from(x)).toEqual(tasks.flatMap((task) => [...task.x, ...padding]));
    const expected = tasks.flatMap((task) => [...task.target, ...padding]);
    const scale = tasks.flatMap(({ amplitude, x }) => [...x.fill(amplitude), ...padding]);
    expectClose(target, expected, { ...SINE, scale }, 'target');
  });

  it('numbers of points, not rows, decide what is drawn', async () => {
    const keys = taskKeys(4, 'train', 0, 2);
    const all = await draw(keys, { rows: 32, batch: 30, first: 0 });
    const query = await draw(keys, { rows: 20, batch: 20, first: 10 });
    for (const task of [0, 1]) {
      for (const name of ['x', 'target'] as const) {
        const later = all[name].subarray(task * 32 + 10, task * 32 + 30);
        expect(query[name].subarray(task * 20, (task + 1) * 20)).toEqual(later);
      }
    }
  });

  it('amplitudes, phases and points are uniform, and the sine holds at every phase', async () => {
    const tasks = 3000;
    const keys = taskKeys(6, 'test', 0, tasks);
    const numbers = { rows: 4, batch: 4, first: 0 };
    const { target } = await draw(keys, numbers);
    const episodes = tasksOf(keys).map((task) => sineEpisode(keyOf(keys, task), numbers));
    /** Mean and variance of the values, which are to be U(low, high). */
    const expectUniform = (values: readonly number[], low: number, high: number) => {
      const unit = values.map((value) => (value - low) / (high - low));
      expect(Math.min(...unit)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...unit)).toBeLessThan(1);
      const error = (variance: number) => STANDARD_ERRORS * Math.sqrt(variance / unit.length);
      const mean = (power: number) => unit.reduce((sum, u) => sum + u ** power, 0) / unit.length;
      expect(Math.abs(mean(1) - 1 / 2)).toBeLessThan(error(1 / 12));
      expect(Math.abs(mean(2) - 1 / 3)).toBeLessThan(error(4 / 45));
    };
    expectUniform(
      episodes.map(({ amplitude }) => amplitude),
      0.1,
      5,
    );
    expectUniform(
      episodes.map(({ phase }) => phase),
      0,
      Math.PI,
    );
    expectUniform(
      episodes.flatMap(({ x }) => [...x]),
      -5,
      5,
    );
    const scale = episodes.flatMap(({ amplitude }) => new Array<number>(4).fill(amplitude));
    expectClose(
      target,
      episodes.flatMap((episode) => [...episode.target]),
      { ...SINE, scale },
      'target',
    );
  });
});
