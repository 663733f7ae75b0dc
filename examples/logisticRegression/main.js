import { parseArgs } from 'node:util';
import {
  CoordwiseError,
  createBaseline,
  createLearned,
  describeTuned,
  Evaluator,
  MetaTraining,
  ownTasks,
  parseConfig,
  summarise,
  taskKeys,
  trainSchema,
  tuneBaseline,
  writeTensor,
} from 'coordwise';
import { openNodeContext } from 'coordwise/node';
import { logisticRegression } from './problem.js';

/** Meta-trains an optimizer on a problem of this program's own, and compares it with what it was and with tuned baselines. */

const { values: flags } = parseArgs({
  options: {
    iterations: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    /** Held-out tasks of the table. */
    tasks: { type: 'string', default: '64' },
    baselines: { type: 'string', default: 'sgd,adam' },
    /** Meta-train in second order: refused where the problem has no R-kernels. */
    'second-derivatives': { type: 'boolean', default: false },
    /** Give the problem its R-kernels. */
    hessian: { type: 'boolean', default: false },
  },
});

const PARAMETERS = 10;
const problem = logisticRegression({ parameters: PARAMETERS, examples: 50, hessian: flags.hessian });
/** Training, validation and test draw other tasks: their keys differ. */
const data = ownTasks(problem);

async function main(context) {
  const config = parseConfig(
    trainSchema,
    {
      task: { kind: 'own', name: 'logistic regression', parameters: PARAMETERS },
      optimizer: { kind: 'l2l', layers: 1, hidden: 10 },
      seed: Number(flags.seed),
      tasks: 16,
      unroll: 10,
      horizon: 50,
      iterations: Number(flags.iterations),
      metaLearningRate: 0.01,
      secondDerivatives: flags['second-derivatives'],
    },
    'main.js',
  );
  const { task, seed, horizon, optimizer } = config;
  const test = { task, data, list: 'test', tasks: Number(flags.tasks), horizon };
  const testKeys = taskKeys(seed, 'test', 0, test.tasks);
  const rows = [];
  const report = async (name, evaluator, prepare) => {
    await evaluator.prepare();
    prepare(evaluator.optimizer);
    const { mean, finalMean, finalError } = summarise(await evaluator.run(testKeys));
    evaluator.destroy();
    rows.push({ name, start: mean[0], middle: mean[horizon / 5], end: finalMean, error: finalError });
  };
  const evaluateLearned = (name, phiOf) =>
    report(name, new Evaluator(context, test, (pool) => createLearned(pool, optimizer)), (learned) =>
      writeTensor(context, learned.phi, phiOf(learned)),
    );

  // Refused here, before anything is allocated, where second order is asked of a problem without R-kernels.
  const training = new MetaTraining(context, config, data);
  const { unroll } = training.trainer;
  console.log(`Problem: ${unroll.optimizee.description}; ${config.tasks} tasks at once`);
  console.log(
    `Meta-training: ${config.iterations} meta-steps, ${config.secondDerivatives ? 'second' : 'first'} order`,
  );
  const { best } = await training.run({
    onValidation: ({ iteration, score }) =>
      console.log(`  after ${iteration}: validation loss ${score.toFixed(4)}`),
  });
  training.destroy();
  await evaluateLearned('l2l, untrained', (learned) => learned.initialPhi(seed));
  await evaluateLearned(`l2l, ${best.iteration} meta-steps`, () => best.phi);

  const tuning = { task, data, list: 'validation', horizon };
  for (const name of flags.baselines.split(',').filter((part) => part !== '')) {
    const tuned = await tuneBaseline(context, { name }, tuning, taskKeys(seed, 'validation', 0, 8));
    await report(`${name}, ${describeTuned(name, tuned)}`, createBaseline(context, { name }, test), (hand) =>
      hand.set(tuned),
    );
  }
  printTable(rows, horizon);
}

function printTable(rows, horizon) {
  const head = [
    'mean loss on held-out tasks',
    'step 0',
    `step ${horizon / 5}`,
    `step ${horizon}`,
    'std. error',
  ];
  const numbers = ({ start, middle, end, error }) =>
    [start, middle, end, error].map((value) => value.toFixed(4));
  const lines = [head, ...rows.map((row) => [row.name, ...numbers(row)])];
  const width = Math.max(...lines.map(([name]) => name.length));
  for (const [name, ...cells] of lines) {
    console.log([name.padEnd(width), ...cells.map((cell) => cell.padStart(11))].join(''));
  }
}

try {
  const context = await openNodeContext();
  try {
    await main(context);
  } finally {
    context.destroy();
  }
} catch (error) {
  if (!(error instanceof CoordwiseError)) throw error;
  console.error(`${error.message}.\nRemedy: ${error.remedy}.`);
  process.exitCode = 1;
}
