import yargs, { type Argv } from 'yargs';
import { CoordwiseError } from '../host/index.ts';
import { evaluate, gradient, info, train } from './commands.ts';
import { demo } from './demo.ts';
import { commonOptions, taskOptions, trainOptions, type Values } from './options.ts';
import { VERSION } from './reporting.ts';

/** Exit codes: 0 done, 1 a check did not hold or a run failed, 2 the command line or a setting is wrong. */
const USAGE = 2;

const evaluationOptions = {
  baselines: {
    type: 'string',
    describe: 'hand-designed optimizers to compare with, separated by commas; "" for none',
  },
} as const;

/** The command line. Sets process.exitCode, prints one sentence and a remedy when something is wrong. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await parser(args).parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

function parser(args: readonly string[]): Argv {
  return yargs([...args])
    .scriptName('coordwise')
    .usage('$0 <command>\n\nLearned optimizers on WebGPU: one tiny LSTM learns how to do gradient descent.')
    .command(
      'demo',
      'meta-train on small MNIST digits in minutes and compare with tuned optimizers (npm start)',
      (y) =>
        y.options({
          ...commonOptions,
          out: { type: 'string', describe: 'run folder' },
          seed: { type: 'number', describe: 'seed', default: 1 },
        }),
      (values) => demo(values as Values),
    )
    .command(
      'train [task]',
      'meta-train an optimizer into a run folder, then compare it with tuned optimizers',
      (y) =>
        y
          .positional('task', { type: 'string', describe: 'quadratic or mnist' })
          .options({
            ...commonOptions,
            out: { type: 'string', describe: 'run folder (default runs/<task>-<time>); must not exist' },
            resume: {
              type: 'string',
              describe: 'go on with this run folder, from its checkpoint',
              conflicts: ['out', 'iterations'],
            },
            evaluate: {
              type: 'boolean',
              default: true,
              describe: 'compare with baselines and write report.html',
            },
            'test-tasks': { type: 'number', describe: 'held-out tasks to report on (default 100)' },
            ...evaluationOptions,
          })
          .options(taskOptions)
          .options(trainOptions)
          .group(Object.keys(taskOptions), 'What is optimised:')
          .group(Object.keys(trainOptions), 'The optimizer and its training:')
          .example('$0 train mnist --iterations 2000', 'digits at 28x28, 784-20-10, 100 steps')
          .example(
            '$0 train quadratic --tasks 128 --preprocess none --iterations 3000',
            'the synthetic problem',
          ),
      (values) => train(values.task, values as Values),
    )
    .command(
      'evaluate <weights> [task]',
      'run trained weights on held-out tasks beside tuned optimizers',
      (y) =>
        y
          .positional('weights', {
            type: 'string',
            demandOption: true,
            describe: 'a .safetensors file or a run folder',
          })
          .positional('task', {
            type: 'string',
            describe: 'quadratic or mnist (default: what it was trained on)',
          })
          .options({
            ...commonOptions,
            out: {
              type: 'string',
              describe: 'folder to write report.html and results.json to; must not exist',
            },
            tasks: { type: 'number', describe: 'held-out tasks (default 100)' },
            'tuning-tasks': {
              type: 'number',
              describe: 'tasks that learning rates are tuned on (default 16)',
            },
            horizon: { type: 'number', describe: 'steps (default: as trained)' },
            seed: { type: 'number', describe: 'seed of the task lists (default: as trained)' },
            ...evaluationOptions,
          })
          .options(taskOptions)
          .group(Object.keys(taskOptions), 'What is optimised, where it differs from the training:')
          .example('$0 evaluate runs/a --activation relu', 'the same network with another activation'),
      (values) => evaluate(values.weights, values.task, values as Values),
    )
    .command(
      'gradient <case>',
      "recompute another framework's meta-gradient on the device and compare",
      (y) =>
        y
          .positional('case', {
            type: 'string',
            demandOption: true,
            describe: 'a gradient case (docs/gradientCases.md)',
          })
          .options({
            ...commonOptions,
            tolerance: { type: 'number', default: 1e-3, describe: 'largest relative error of a tensor' },
          }),
      async (values) => {
        process.exitCode = await gradient(values.case, values as Values);
      },
    )
    .command(
      'info',
      'adapter, limits and versions',
      (y) => y.options(commonOptions),
      (values) => info(values as Values),
    )
    .demandCommand(1, 'name a command')
    .strict()
    .recommendCommands()
    .version(VERSION)
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
}

class UsageError extends CoordwiseError {
  constructor(message: string) {
    super(message.split('\n').join('; '), 'see `coordwise --help` or `coordwise <command> --help`');
  }
}

/** Prints an error for people and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CoordwiseError) {
    process.stderr.write(`coordwise: ${error.message}.\n  Remedy: ${error.remedy}.\n`);
    return error instanceof UsageError || error.name === 'ConfigError' ? USAGE : 1;
  }
  process.stderr.write(
    `coordwise: unexpected error, please report it:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return 1;
}
