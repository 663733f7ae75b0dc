import { type EpisodeSizes, requireEpisode } from '../data/episodes.ts';
import type { GlyphTable } from '../data/glyphs.ts';
import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { recordEpisodeClasses, recordEpisodeExamples, recordSineEpisode } from '../ops/episodes.ts';
import { type ExampleBatch, type ExampleSource, rowsOf, toWords } from './examples.ts';
import { planGather, seenSide } from './gather.ts';
import { vectorShape } from './layers/layer.ts';
import type { TaskTensors } from './optimizee.ts';

/**
 * Support before step T, query after it; both are drawn before the first step of an unroll and stay where they are,
 * as every unroll is a whole episode.
 */
function recordPhase(
  program: Program,
  step: number,
  steps: number,
  batches: { readonly support: ExampleBatch; readonly query: ExampleBatch },
  recordDraw: (program: Program) => void,
): ExampleBatch {
  if (step === 0) recordDraw(program);
  return step < steps ? batches.support : batches.query;
}

/**
 * K-way N-shot classification of glyphs: the classes of an episode, their order (and so their labels) and the examples
 * of both sets are functions of the task's key.
 *
 * @throws ConfigError when the split has too few classes or examples
 */
export function createGlyphEpisodes(
  pool: TensorPool,
  tasks: number,
  table: GlyphTable,
  sizes: EpisodeSizes,
  taskTensors: TaskTensors,
): ExampleSource {
  requireEpisode(table, sizes);
  const { keys, steps } = taskTensors;
  const { ways, shots, queries } = sizes;
  const { distortion } = table;
  const side = seenSide(table.side, distortion);
  const pixels = pool.tensor(`${table.split} glyphs`, [Math.ceil(table.images.length / 4)], 'u32');
  const examples = pool.tensor('examples of classes', [table.classes, table.maxExamples], 'u32');
  const counts = pool.tensor('counts of examples', [table.classes], 'u32');
  const classes = pool.tensor('classes of episodes', [tasks, ways], 'u32');
  const plan = (label: string, perClass: number, first: number) => {
    const batch = ways * perClass;
    const rows = rowsOf(batch);
    const size = { height: table.side, width: table.side };
    const gather = { label, batch, rows, ...size, perWay: perClass, first: ways * first, distortion };
    return {
      label,
      batch,
      rows,
      perClass,
      first,
      recordGather: planGather({ pool, tasks, ...gather, tensors: taskTensors }),
      x: pool.tensor(`${label} x`, [tasks, side ** 2, rows]),
      target: pool.tensor(`${label} labels`, [tasks, rows], 'u32'),
      indices: pool.tensor(`${label} indices`, [tasks, rows], 'u32'),
    };
  };
  const support = plan('support', shots, 0);
  const query = plan('query', queries, shots);
  const recordDraw = (program: Program) => {
    recordEpisodeClasses(
      program,
      { keys, classes },
      {
        ways,
        classes: table.classes,
        stream: STREAMS.episodeClasses,
      },
    );
    for (const { rows, perClass, first, recordGather, x, target, indices } of [support, query]) {
      const { maxExamples } = table;
      const stream = STREAMS.episodeExamples;
      const numbers = { ways, shots: perClass, rows, first, maxExamples, stream };
      const tensors = { keys, classes, examples, counts, indices, labels: target };
      recordEpisodeExamples(program, tensors, numbers);
      recordGather(program, 0, { pixels, indices, x });
    }
  };
  return {
    description: `${ways}-way ${shots}-shot, ${table.split} glyphs ${side}x${side}`,
    shape: { channels: 1, height: side, width: side },
    objective: { kind: 'classification', outputs: ways },
    batches: [support, query],
    query,
    upload() {
      writeTensor(pool.context, pixels, toWords(table.images));
      writeTensor(pool.context, examples, table.examples);
      writeTensor(pool.context, counts, table.counts);
    },
    recordSample: (program, step) => recordPhase(program, step, steps, { support, query }, recordDraw),
  };
}

/** Points of A sin(x - p), A ~ U(0.1, 5), p ~ U(0, pi), x ~ U(-5, 5): the regression of Finn et al. 2017. */
export function createSineEpisodes(
  pool: TensorPool,
  tasks: number,
  { shots, queries }: Omit<EpisodeSizes, 'ways'>,
  { keys, steps }: TaskTensors,
): ExampleSource {
  const plan = (label: string, batch: number) => {
    const rows = rowsOf(batch);
    const tensor = (name: string) => pool.tensor(`${label} ${name}`, [tasks, 1, rows]);
    return { label, batch, rows, x: tensor('x'), target: tensor('target') };
  };
  const support = plan('support', shots);
  const query = plan('query', queries);
  const recordDraw = (program: Program) => {
    for (const [first, { batch, rows, x, target }] of [
      [0, support],
      [shots, query],
    ] as const) {
      const streams = { taskStream: STREAMS.sineTask, pointStream: STREAMS.sinePoints };
      recordSineEpisode(program, { keys, x, target }, { rows, batch, first, ...streams });
    }
  };
  return {
    description: `sines, ${shots}-shot`,
    shape: vectorShape(1),
    objective: { kind: 'regression', outputs: 1 },
    batches: [support, query],
    query,
    upload() {},
    recordSample: (program, step) => recordPhase(program, step, steps, { support, query }, recordDraw),
  };
}
