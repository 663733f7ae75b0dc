import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  COMMANDS,
  commonOptions,
  demoOptions,
  diagnoseOptions,
  evaluateOptions,
  gradientOptions,
  reproduceOptions,
  taskOptions,
  trainOptions,
  trainRunOptions,
  transferOptions,
} from '../src/cli/options.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../src/host/io/safetensors.ts';
import { cliForThisFile, complaint, inTurns } from './support/cliProcess.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();
const goodCase = resolve('tests/cases/l2l_quadratic_first.safetensors');

describe('--help', () => {
  it('of the whole lists the commands, the exit codes and examples', async () => {
    const { code, stdout, stderr } = await cli.run(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`coordwise ${command}\\b`));
    expect(stdout).toMatch(/Examples:/);
    expect(stdout).toMatch(/Exit codes: 0 done; 1 .* 2 .* 130/s);
    expect(stdout).toMatch(/COORDWISE_ADAPTER/);
  });

  it('of a command describes every option with its default, and has an example', async () => {
    const options = {
      demo: demoOptions,
      train: { ...trainRunOptions, ...taskOptions, ...trainOptions },
      evaluate: { ...evaluateOptions, ...taskOptions },
      reproduce: reproduceOptions,
      transfer: transferOptions,
      diagnose: diagnoseOptions,
      gradient: gradientOptions,
      info: commonOptions,
    };
    await inTurns(COMMANDS, async (command) => {
      const { code, stdout } = await cli.run([command, '--help']);
      expect(code).toBe(0);
      // One line an option: what follows is indented further.
      const text = stdout.replaceAll(/\n {10,}/g, ' ');
      for (const name of Object.keys(options[command])) {
        const line = text
          .split('\n')
          .find((part) => part.includes(name.length === 1 ? ` -${name} ` : `--${name} `));
        expect(line, `${command} --${name}`).toMatch(/\(?(no )?default/);
      }
      expect(text).toMatch(new RegExp(`Examples:\\n +coordwise ${command}`));
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(110);
    });
  });

  it('has a version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await cli.run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });
});

describe('a wrong command line', () => {
  const train = ['train', 'quadratic', '--iterations', '3'];
  const mnist = ['train', 'mnist', '--iterations', '3'];
  const wrong: readonly (readonly [readonly string[], RegExp, RegExp?])[] = [
    [[], /^no command was given$/, /coordwise --help/],
    [['trian'], /^there is no command "trian" \(did you mean train\?\)$/],
    [['paint'], /^there is no command "paint"$/],
    [['train'], /^no task was named$/, /coordwise train mnist/],
    [['train', 'chess', '--iterations', '3'], /^there is no task "chess"$/, /quadratic, mnist/],
    [
      ['train', 'quadratc', '--iterations', '3'],
      /^there is no task "quadratc" \(did you mean quadratic\?\)$/,
    ],
    [['train', 'quadratic'], /^--iterations is missing$/, /--iterations 1000/],
    [[...train, 'mnist'], /^train does not know what to do with "mnist"$/, /train --help/],
    [[...train, '--optimizer', 'adam2'], /^there is no learned optimizer "adam2"$/, /l2l/],
    [
      [...train, '--learning-rat', '1'],
      /^there is no option --learning-rat \(did you mean --learning-rate\?\)$/,
    ],
    [[...train, '-q'], /^there is no option -q$/],
    [[...train, '--no-fun'], /^there is no option --no-fun$/],
    [[...train, '--seed'], /^--seed needs a value$/],
    [[...train, '--seed='], /^--seed needs a value$/],
    [[...train, '--seed', ''], /^--seed needs a value$/],
    [[...train, '--seed', '1', '--seed', '2'], /^--seed was given more than once$/],
    [[...train, '--seed', '-1'], /^--seed is -1, but must be at least 0$/],
    [[...train, '--hidden', 'many'], /^--hidden is not a number$/],
    [[...train, '--hidden', 'NaN'], /^--hidden is not a number$/],
    [[...train, '--hidden', '1e999'], /^--hidden is Infinity, but must be a finite number$/],
    [[...train, '--hidden', '2.5'], /^--hidden is 2.5, but must be a whole number$/],
    [[...train, '--hidden', '0'], /^--hidden is 0, but must be at least 1$/],
    [[...train, '--hidden', '9999'], /^--hidden is 9999, but must be at most 253$/],
    [[...train, '--output-scale', '0'], /^--output-scale is 0, but must be at least/],
    [[...train, '--learning-rate', '-1'], /^--learning-rate is -1, but must be at least/],
    [[...train, '--horizon', '50'], /^--horizon is 50, but must be a multiple of the unroll, 20$/],
    [
      [...train, '--horizon', '60', '--validate-every', '10'],
      /^--validate-every is 10, but must be a multiple of the 3/,
    ],
    [[...train, '--loss-weights', '1,2'], /^--loss-weights holds 2 numbers, but must hold 21/],
    [
      [...train, '--loss-weights', '1,,2'],
      /^--loss-weights is "1,,2", but must be numbers separated by commas$/,
    ],
    [[...train, '--loss-weights', 'first'], /^--loss-weights is "first", but must be sum, final, or/],
    [[...train, '--select', 'first'], /^--select is "first", but must be one of: final, sum$/],
    [
      [...train, '--preprocess', 'square'],
      /^--preprocess is "square", but must be one of: none, log-sign, clamp$/,
    ],
    [[...train, '--preprocess', 'none', '--p', '3'], /^--p belongs to --preprocess log-sign/],
    [
      [...train, '--optimizer', 'meta-lstm', '--layers', '2'],
      /^--layers does not belong to the optimizer meta-lstm$/,
    ],
    [
      [...train, '--optimizer', 'rnnprop', '--preprocess', 'none'],
      /^--preprocess does not belong to the optimizer rnnprop$/,
      /--beta1, --beta2/,
    ],
    [[...train, '--random-scaling', '11'], /^--random-scaling is 11, but must be/],
    [[...train, '--helper-task', '0.5'], /^--helper-task is 0\.5, but must be/],
    [[...train, '--learn-theta0'], /^--learn-theta0 does not belong to the optimizer l2l$/],
    [
      [...train, '--optimizer', 'meta-lstm', '--forget-gate', 'open'],
      /^--forget-gate is "open", but must be learned or a number$/,
    ],
    [
      [...train, '--optimizer', 'momentum-lstm', '--momentum-input-gate', '1e9'],
      /^--momentum-input-gate is 1000000000, but must be at most 1000000$/,
    ],
    [[...train, '--optimizer', 'meta-lstm', '--hidden', '252'], /^--hidden is 252, but must be at most 251$/],
    [[...train, '--widths', '20'], /^--widths does not belong to the task quadratic$/, /--dimension/],
    [[...train, '--baselines', 'sgd,foo'], /^there is no baseline "foo"$/, /rmsprop/],
    [[...train, '--test-tasks', '0'], /^--test-tasks is 0, but must be at least 1$/],
    [
      [...train, '--gate-episodes', '2.5'],
      /^--gate-episodes is 2.5, but must be a whole number from 0 to 1000$/,
    ],
    [[...train, '--adapter', 'lavapip'], /^there is no adapter "lavapip" \(did you mean lavapipe\?\)$/],
    [[...mnist, '--resolution', '9'], /^--resolution is 9, but must be one of: 28, 14, 7$/],
    [
      [...mnist, '--activation', 'gelu'],
      /^--activation is "gelu", but must be one of: sigmoid, tanh, relu, leakyRelu, elu, softplus$/,
    ],
    [[...mnist, '--widths', '20,x'], /^--widths is "20,x", but must be numbers separated by commas$/],
    [[...mnist, '--widths', '20,0'], /^--widths is 0, but must be at least 1$/],
    [
      [...mnist, '--initial', 'zeros'],
      /^--initial is "zeros", but must be pytorch or a number from 0 to 100$/,
    ],
    [
      ['train', '--resume', 'x', '--seed', '3'],
      /^--resume goes on with the settings in x\/config.json, so --seed cannot/,
    ],
    [['train', 'mnist', '--resume', 'x'], /^--resume goes on .* so the task "mnist" cannot be given too$/],
    [['diagnose'], /^diagnose needs a run folder$/, /diagnose --help/],
    [['gradient'], /^gradient needs a case file$/],
    [['gradient', goodCase, '--tolerance', '-1'], /^--tolerance is -1, but must be greater than 0$/],
  ];

  it('is refused in one sentence that names what was typed, with a remedy, and nothing is left behind', async () => {
    const cwd = freshPath();
    mkdirSync(cwd);
    const results = await cli.runMany(
      wrong.map(([args]) => args),
      { cwd },
    );
    // A sample of them in processes of their own, too.
    const sample = wrong.map((_, index) => index).filter((index) => index % 9 === 0);
    await inTurns(sample, async (index) => {
      expect(await cli.run(wrong[index]?.[0] ?? [], { cwd })).toEqual(results[index]);
    });
    for (const [index, [args, sentence, remedy]] of wrong.entries()) {
      const ended = results[index];
      if (!ended) throw new Error('a command line was not run');
      const said = complaint(ended);
      expect(said.sentence, args.join(' ')).toMatch(sentence);
      if (remedy) expect(said.remedy, args.join(' ')).toMatch(remedy);
      expect([ended.code, ended.stdout], args.join(' ')).toEqual([2, '']);
    }
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('speaks English whatever the language of the system', async () => {
    const ended = await cli.run(['trian'], { env: { LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' } });
    expect(complaint(ended).sentence).toMatch(/^there is no command/);
  });
});

describe('info', () => {
  it('says what there is, and the same to machines', async () => {
    const people = await cli.run(['info']);
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(/^Adapter: .+\n/);
    expect(people.stdout).toMatch(/maxBufferSize: \d+\n/);
    expect(people.stdout).not.toContain('\u001b');
    const machines = await cli.run(['info', '--json']);
    expect(machines.code).toBe(0);
    const facts = JSON.parse(machines.stdout) as { adapter: { kind: string }; limits: object };
    expect(machines.stdout).toBe(`${JSON.stringify(facts)}\n`);
    expect(['gpu', 'software']).toContain(facts.adapter.kind);
    expect(machines.stderr).toMatch(/^Adapter: /);
  });

  it('without the adapter that was asked for fails with what to install', async ({ skip }) => {
    const ended = await cli.run(['info'], { env: { COORDWISE_ADAPTER: 'gpu' } });
    if (ended.code === 0) skip('this machine has a GPU, so asking for one cannot fail');
    expect([ended.code, ended.stdout]).toEqual([1, '']);
    const { sentence, remedy } = complaint(ended);
    expect(sentence).toBe('no gpu adapter was found');
    expect(remedy).toMatch(/install/);
    const out = freshPath();
    const train = await cli.run([
      'train',
      'quadratic',
      '--iterations',
      '3',
      '--out',
      out,
      '--adapter',
      'gpu',
    ]);
    expect(train.code).toBe(1);
    expect(existsSync(out)).toBe(false);
    const unknown = await cli.run(['info'], { env: { COORDWISE_ADAPTER: 'abacus' } });
    expect(complaint(unknown).sentence).toMatch(/^COORDWISE_ADAPTER is "abacus"/);
    expect(unknown.code).toBe(2);
  });
});

describe('gradient', () => {
  const file = decodeSafeTensors(readFileSync(goodCase), 'case');

  it('says how close every tensor is; above the tolerance it fails', async () => {
    const ended = await cli.run(['gradient', goodCase]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(/grad\.lstm\.0\.weight_ih +\d\.\d\de-\d\n/);
    expect(ended.stdout).toMatch(/holds to 0.001\n$/);
    const strict = await cli.run(['gradient', goodCase, '--tolerance', '1e-12', '--json']);
    expect(strict.code).toBe(1);
    const result = JSON.parse(strict.stdout) as { holds: boolean; results: { name: string }[] };
    expect(result.holds).toBe(false);
    expect(result.results.map(({ name }) => name)).toContain('grad.output.bias');
    expect(strict.stderr).toMatch(/ABOVE THE TOLERANCE/);
  });

  it('refuses a file that is damaged, or asks for what is not built, by name', async () => {
    const path = freshPath();
    mkdirSync(path);
    const write = (name: string, bytes: Uint8Array) => {
      writeFileSync(join(path, name), bytes);
      return join(path, name);
    };
    const asking = (name: string, metadata: Record<string, string>) =>
      write(name, encodeSafeTensors({ ...file, metadata: { ...file.metadata, ...metadata } }));
    const { theta0: _, ...others } = Object.fromEntries(file.tensors);
    const cases: readonly (readonly [string, RegExp])[] = [
      [join(path, 'absent'), /cannot read the gradient case from .*absent: there is no such file/],
      [path, /it is a folder/],
      [write('short', readFileSync(goodCase).subarray(0, 700)), /short: /],
      [write('text', Buffer.from('hello, world, this is text')), /text: the header claims/],
      [
        asking('family', { optimizer: 'nonesuch' }),
        /family asks for optimizer "nonesuch", which is not built/,
      ],
      [asking('format', { format: 'other-1' }), /format asks for format "other-1"/],
      [asking('steps', { unroll: '-3' }), /steps: unroll is -3/],
      [
        write('lacking', encodeSafeTensors({ ...file, tensors: new Map(Object.entries(others)) })),
        /no tensor "theta0"/,
      ],
    ];
    await inTurns(cases, async ([input, sentence]) => {
      const ended = await cli.run(['gradient', input]);
      expect(complaint(ended).sentence).toMatch(sentence);
      expect([1, 2]).toContain(ended.code);
    });
  });
});
