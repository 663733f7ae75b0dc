import yargs, { type Argv, type Options } from 'yargs';
import { demo } from './demo.ts';
import { diagnose } from './diagnose.ts';
import { evaluate } from './evaluate.ts';
import { gradient } from './gradient.ts';
import { info } from './info.ts';
import {
  commonOptions,
  demoOptions,
  diagnoseOptions,
  evaluateOptions,
  gradientOptions,
  reproduceOptions,
  TASK_NAMES,
  taskOptions,
  taskOverrides,
  trainOptions,
  trainRunOptions,
  transferOptions,
  type Values,
} from './options.ts';
import { VERSION } from './reporting.ts';
import { reproduce } from './reproduce/reproduce.ts';
import { weightsAndTask } from './shipped.ts';
import { train } from './train.ts';
import { transfer } from './transfer/transfer.ts';
import { refuseEmptyNumbers, report, usageError, watchOutput } from './usage.ts';

const EPILOGUE = [
  "Adapter: a real GPU, else the system's lavapipe, else the SwiftShader that npm brings; --adapter or the environment variable COORDWISE_ADAPTER insists on one.",
  'Kernels: the fastest, timed once on an adapter; COORDWISE_LSTM (auto, default, plain, subgroups) decides without timing. `coordwise info` says which.',
  "Fashion-MNIST: Debian's package dataset-fashion-mnist, or the folder that the environment variable COORDWISE_FASHION_MNIST names.",
  'Exit codes: 0 done; 1 a run failed or a check did not hold; 2 the command line is wrong; 130 interrupted.',
].join('\n');

/** The command line. Sets process.exitCode, prints one sentence and a remedy when something is wrong. */
export async function main(args: readonly string[]): Promise<void> {
  watchOutput();
  try {
    refuseEmptyNumbers(args);
    await parser(args).parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Makes the parser's handler of a command that returns its exit code. */
function handler(run: (values: Values) => Promise<number>): (values: Values) => Promise<void> {
  return async (values) => {
    process.exitCode = await run(values);
  };
}

function positional(values: Values, name: string): string | undefined {
  const value = values[name];
  return value === undefined ? undefined : String(value);
}

function group(parser: Argv, options: Readonly<Record<string, Options>>, title: string): Argv {
  return parser.options(options).group(Object.keys(options), title);
}

function parser(args: readonly string[]): Argv {
  return yargs([...args])
    .scriptName('coordwise')
    .parserConfiguration({ 'camel-case-expansion': false, 'dot-notation': false })
    .locale('en')
    .usage('$0 <command>\n\nLearned optimizers on WebGPU: one tiny LSTM learns how to do gradient descent.')
    .command(
      'demo',
      'meta-train on small MNIST digits in minutes and compare with tuned optimizers (npm start)',
      (y) => y.options(demoOptions).example('$0 demo --seed 2', 'another start, other tasks'),
      handler(demo),
    )
    .command(
      'train [task]',
      'meta-train an optimizer into a run folder, then compare it with tuned optimizers',
      (y) => {
        y.positional('task', { type: 'string', describe: TASK_NAMES.join(', ') }).options(trainRunOptions);
        group(y, taskOptions, 'What is optimised:');
        return group(y, trainOptions, 'The optimizer and its training:')
          .example('$0 train mnist --iterations 2000', 'digits at 28x28, 784-20-10, 100 steps')
          .example(
            '$0 train quadratic --tasks 128 --preprocess none --iterations 3000',
            'the synthetic problem',
          )
          .example('$0 train few-shot --shots 5 --iterations 3000', 'characters from five examples each')
          .example('$0 train --resume runs/a', 'go on where runs/a was interrupted');
      },
      handler((values) => train(positional(values, 'task'), values)),
    )
    .command(
      'evaluate [weights] [task]',
      'run trained weights on held-out tasks beside tuned optimizers',
      (y) => {
        y.positional('weights', {
          type: 'string',
          describe:
            'a weights file, a run folder, or the name of weights that come with the package (default: the most robust of those)',
        })
          .positional('task', {
            type: 'string',
            describe: `${TASK_NAMES.join(', ')} (default: what the weights were trained on)`,
          })
          .options(evaluateOptions);
        return group(y, taskOverrides, 'What is optimised, where it differs from the training:')
          .example('$0 evaluate mnist --activation relu', 'the shipped weights on a task')
          .example('$0 evaluate runs/a --activation relu', 'the same network with another activation')
          .example('$0 evaluate runs/a --horizon 200 --out runs/a-200', 'twice as long, with a report')
          .example('$0 evaluate runs/a --against runs/b', 'two trainings side by side');
      },
      handler((values) => {
        const [weights, task] = weightsAndTask(positional(values, 'weights'), positional(values, 'task'));
        return evaluate(weights, task, values);
      }),
    )
    .command(
      'reproduce <recipe>',
      'reproduce a published figure: train, compare, and say which values are reached',
      (y) =>
        y
          .positional('recipe', {
            type: 'string',
            describe: 'a recipe by name (docs/recipes.md), or a JSON file of your own',
          })
          .options(reproduceOptions)
          .example('$0 reproduce quadratics', 'the figure of 2016, from scratch')
          .example('$0 reproduce mnist --pretrained', 'with the weights that come with the package'),
      handler((values) => reproduce(positional(values, 'recipe') ?? '', values)),
    )
    .command(
      'transfer <weights..>',
      'run trained weights on networks, data and horizons they were not trained on, beside tuned Adam',
      (y) =>
        y
          .positional('weights', {
            type: 'string',
            array: true,
            describe:
              'weights files, run folders, or names of weights that come with the package; cells differ from what the first was trained on',
          })
          .options(transferOptions)
          .example('$0 transfer runs/a runs/b', 'two trainings side by side, all axes')
          .example('$0 transfer runs/a --axes width=10:80,activation=relu', 'a part of the matrix'),
      handler((values) => transfer(([] as unknown[]).concat(values['weights'] ?? []).map(String), values)),
    )
    .command(
      'diagnose <run>',
      'say why a training run learns or does not, from its log and its best weights',
      (y) =>
        y
          .positional('run', { type: 'string', describe: 'a run folder, finished or not; it is only read' })
          .options(diagnoseOptions)
          .example('$0 diagnose runs/a', 'seven parts, each with one sentence')
          .example('$0 diagnose runs/a --out runs/a-diagnosis', 'with figures, as a page'),
      handler((values) => diagnose(positional(values, 'run') ?? '', values)),
    )
    .command(
      'gradient <case>',
      "recompute another framework's meta-gradient on the device and compare",
      (y) =>
        y
          .positional('case', { type: 'string', describe: 'a gradient case (docs/gradientCases.md)' })
          .options(gradientOptions)
          .example('$0 gradient tests/cases/l2l_quadratic_first.safetensors', 'a case that PyTorch wrote'),
      handler((values) => gradient(positional(values, 'case') ?? '', values)),
    )
    .command(
      'info',
      'adapter, limits and versions',
      (y) => y.options(commonOptions).example('$0 info --json', 'for machines'),
      handler(info),
    )
    .demandCommand(1, 'no command was given')
    .strict()
    .example('$0 demo', 'an optimizer is learned and beats Adam on digits, in minutes')
    .example('$0 train --help', 'every setting of a training run')
    .epilogue(EPILOGUE)
    .alias('help', 'h')
    .version(VERSION)
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      // The parser's own complaints come with an error of theirs or none; everything else is a command's.
      throw error === undefined || error.name === 'YError' ? usageError(message, args) : error;
    });
}
