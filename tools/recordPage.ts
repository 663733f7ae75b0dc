/**
 * Records the run that the page shows where there is no WebGPU: the page's own default, with what it was on.
 *
 *   npx vite build --ssr tools/recordPage.ts --outDir .cache/record --logLevel warn
 *   node .cache/record/recordPage.js src/page/recorded.json
 */
import {
  createBaseline,
  type LossSummary,
  lossWeightsOf,
  MetaTraining,
  parseConfig,
  summarise,
  taskKeys,
  trainSchema,
  tuneBaseline,
} from '../src/host/index.ts';
import { openNodeContext, writeFileAtomic } from '../src/node/index.ts';
import { defaultSettings, trainInput } from '../src/page/presets.ts';

const short = (value: number) => Number(value.toPrecision(4));
const band = ({ mean, deviation }: LossSummary) => ({
  mean: mean.map(short),
  low: mean.map((value, step) => short(Math.max(0, value - (deviation[step] ?? 0)))),
  high: mean.map((value, step) => short(value + (deviation[step] ?? 0))),
});

const [, , path = 'src/page/recorded.json'] = process.argv;
const config = parseConfig(trainSchema, trainInput(defaultSettings('quadratic', 'l2l')), '');
const context = await openNodeContext();
const run = new MetaTraining(context, config, undefined);
const weight = lossWeightsOf(config).reduce((sum, one) => sum + one, 0);
const losses: number[] = [];
const validations: object[] = [];
await run.run({
  onStep: ({ metaLoss }) => losses.push(short(metaLoss / weight)),
  onValidation: ({ iteration, isBest, summary }) => validations.push({ iteration, isBest, ...band(summary) }),
});
const { task, horizon, seed, validation } = config;
const keys = taskKeys(seed, 'validation', 0, validation.tasks);
const options = { task, data: undefined, list: 'validation', horizon } as const;
const baselines: object[] = [];
for (const name of ['adam', 'sgd'] as const) {
  const { trials: _, ...setting } = await tuneBaseline(context, { name }, options, keys);
  const evaluator = createBaseline(context, { name }, { ...options, tasks: validation.tasks });
  await evaluator.prepare();
  evaluator.optimizer.set(setting);
  baselines.push({
    name,
    learningRate: short(setting.learningRate),
    ...band(summarise(await evaluator.run(keys))),
  });
  evaluator.destroy();
}
const recorded = {
  title: `${run.trainer.optimizer.description} on ${run.trainer.unroll.optimizee.description}`,
  adapter: context.adapter.description,
  iterations: config.iterations,
  unrolls: config.horizon / config.unroll,
  losses,
  validations: validations.filter((_, i) => i % 3 === 0 || i === validations.length - 1),
  baselines,
};
writeFileAtomic(path, `${JSON.stringify(recorded)}\n`);
run.destroy();
context.destroy();
