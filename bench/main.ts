import { join } from 'node:path';
import yargs from 'yargs';
import { ConfigError, CoordwiseError, lstmVariant } from '../src/host/index.ts';
import { ADAPTER_CHOICES, adapterFromEnvironment, adapterLine, openNodeContext } from '../src/node/index.ts';
import { runBench } from './bench.ts';
import { repositoryFolder } from './environment.ts';
import { findPeers, parsePeers } from './peers/find.ts';
import { growsAsItMay, report } from './print.ts';
import { benchResultSchema } from './result.ts';
import { makeFolder, saveResult } from './save.ts';
import { createBenches, parseWorkloads, WORKLOADS } from './workloads.ts';

/** Exit codes: 0 done, 1 a check or a run failed, 2 the command line is wrong. */
const [FAILED, USAGE] = [1, 2];

/** A rate is measured in runs of about this long. */
const RATE_MS = 100;

function parse(args: readonly string[]) {
  return (
    yargs([...args])
      .scriptName('npm run bench --')
      .usage(
        '$0\n\nChecks the numbers of the kernels, then times them. One process, interleaved runs, time to completion.',
      )
      .options({
        runs: { type: 'number', default: 5, describe: 'timed runs of each, after the first' },
        only: {
          type: 'string',
          default: WORKLOADS.join(',').toLowerCase(),
          describe: 'workloads; the rates are always measured',
        },
        peers: {
          type: 'string',
          describe: 'also run other implementations: torch, tfjs, jax; without names, all that are installed',
        },
        adapter: { choices: ADAPTER_CHOICES, describe: 'adapter to use (default: the best there is)' },
        subgroups: {
          type: 'boolean',
          default: true,
          describe: 'use kernels with subgroups where they gain; --no-subgroups for the plain ones',
        },
        json: { type: 'boolean', default: false, describe: 'print the JSON document on stdout' },
        out: {
          type: 'string',
          default: join(repositoryFolder(), 'bench', 'results'),
          defaultDescription: 'bench/results',
          describe: 'folder of the JSON files',
        },
      })
      .strict()
      // An option given twice: the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': false })
      .version(false)
      .exitProcess(false)
      .showHelpOnFail(false)
      .fail((message, error) => {
        const text = message.replaceAll(/\s+/g, ' ').trim();
        throw error ?? new ConfigError(text, 'see `npm run bench -- --help`');
      })
      .parseSync()
  );
}

async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if ('help' in options && options['help'] === true) return;
  if (!Number.isInteger(options.runs) || options.runs < 1) {
    throw new ConfigError('--runs must be a whole number of at least 1', 'for example --runs 5');
  }
  const only = parseWorkloads(options.only);
  const groups = options.peers === undefined ? undefined : parsePeers(options.peers);
  makeFolder(options.out);
  const stream = options.json ? process.stderr : process.stdout;
  const say = (line: string) => stream.write(`${line}\n`);
  const { adapter = adapterFromEnvironment(), subgroups } = options;
  const context = await openNodeContext(adapter, { subgroups });
  try {
    say(adapterLine(context));
    say(`LSTM kernels: ${lstmVariant(context)}`);
    const peers = groups && findPeers(groups, context);
    const benches = await createBenches(context, only);
    const result = benchResultSchema.parse(
      await runBench(context, benches, { runs: options.runs, rateMs: RATE_MS, peers, say }),
    );
    for (const line of report(result)) say(line);
    if (!growsAsItMay(result)) process.exitCode = FAILED;
    say('');
    say(`JSON: ${saveResult(result, options.out)}`);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    context.destroy();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = error instanceof ConfigError ? USAGE : FAILED;
  if (error instanceof CoordwiseError) {
    process.stderr.write(`bench: ${error.message}.\n  Remedy: ${error.remedy}.\n`);
  } else {
    process.stderr.write(
      `bench: unexpected error:\n${error instanceof Error ? error.stack : String(error)}\n`,
    );
  }
}
