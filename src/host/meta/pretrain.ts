import type { GlyphsTask } from '../config.ts';
import type { GlyphTable } from '../data/glyphs.ts';
import type { ImageSet } from '../data/images.ts';
import { taskKeys } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { readTensors, submit } from '../gpu/readback.ts';
import { createDeviceImages, createImageSource } from '../optimizees/examples.ts';
import { createNetwork } from '../optimizees/network.ts';
import { createHandDesigned } from '../optimizers/handDesigned.ts';
import { PlanPool } from './plan.ts';
import { taskLayers, taskParameters } from './tasks.ts';
import { Unroll } from './unroll.ts';

/** Ordinary training on all characters at once: Adam at its usual rate, long enough for the loss to be small. */
const PRETRAINING = { batch: 64, steps: 3000, learningRate: 0.001, unroll: 50 } as const;

/** The glyphs of a split as one labelled set: every character is a class. */
function asImages(table: GlyphTable): ImageSet {
  const count = table.images.length / table.side ** 2;
  const labels = new Uint16Array(count);
  for (let entry = 0; entry < table.classes; entry++) {
    const start = entry * table.maxExamples;
    for (const image of table.examples.subarray(start, start + (table.counts[entry] ?? 0)))
      labels[image] = entry;
  }
  const { side, images, classes, split } = table;
  return { name: `${split} glyphs`, count, height: side, width: side, classes, pixels: images, labels };
}

/**
 * A starting point for episodes as fine-tuning has it: the network is trained to tell all characters of the training
 * split apart, then its last layer is replaced by zeros for the episode's classes. theta_0 [N] of `task`.
 */
export async function pretrainedStart(
  context: GpuContext,
  task: GlyphsTask,
  table: GlyphTable,
  seed: number,
  onProgress?: (share: number) => void,
): Promise<Float32Array> {
  const { batch, steps, learningRate, unroll: unrollSteps } = PRETRAINING;
  const pool = new PlanPool(context);
  const optimizer = createHandDesigned('adam');
  const images = createDeviceImages(pool, asImages(table));
  const unroll = new Unroll({
    pool,
    tasks: 1,
    steps: unrollSteps,
    optimizer,
    createOptimizee: (tensors) =>
      createNetwork({
        ...{ pool, tasks: 1, settings: task, tensors },
        source: createImageSource(pool, 1, images, batch, tensors, table.distortion),
      }),
  });
  pool.requireFit(1, unroll.optimizee.parameters);
  await pool.allocate();
  try {
    await unroll.prepare();
    optimizer.set({ learningRate });
    for (let step = 0; step < steps; step += unrollSteps) {
      unroll.setTasks(taskKeys(seed, 'train', 0, 1), step);
      submit(context, (encoder) => unroll.encode(encoder, step === 0 ? 'reset' : 'carry'));
      // Waited for, so that the device has one unroll to do at a time.
      if (step % (10 * unrollSteps) === 0) await readTensors(context, [unroll.losses]);
      onProgress?.(step / steps);
    }
    const [theta = new Float32Array()] = await readTensors(context, [unroll.theta]);
    const parameters = taskParameters(task);
    const outputs = taskLayers(task).at(-1)?.parameters ?? 0;
    const start = new Float32Array(parameters);
    start.set(theta.subarray(0, parameters - outputs));
    return start;
  } finally {
    pool.destroy();
  }
}
