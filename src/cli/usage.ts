import { CoordwiseError } from '../host/index.ts';
import { errorCode, fileError } from '../node/index.ts';
import { COMMANDS, NUMBER_OPTIONS, OPTION_NAMES } from './options.ts';
import { suggestion } from './suggest.ts';

/** Exit codes of every command. */
export const EXIT = {
  done: 0,
  /** A run failed, or a check did not hold. */
  failed: 1,
  /** The command line or a setting is wrong; nothing was started. */
  usage: 2,
  /** Stopped by Ctrl-C or SIGTERM, as shells count it. */
  interrupted: 130,
} as const;

/** The command line is wrong. */
export class UsageError extends CoordwiseError {
  override readonly name = 'UsageError';
}

/** The parser's complaint about a command line as one sentence for people. */
export function usageError(message: string, args: readonly string[]): UsageError {
  const command = COMMANDS.find((name) => name === args.find((arg) => !arg.startsWith('-')));
  const remedy = `see \`coordwise ${command ? `${command} ` : ''}--help\``;
  const [, unknown] = /^Unknown (?:argument|command)s?: ([^,\n]*)/.exec(message) ?? [];
  if (unknown !== undefined) return new UsageError(unknownWord(unknown, args, command), remedy);
  const [, option] = /^Not enough arguments following: (.*)/.exec(message) ?? [];
  if (option !== undefined) return new UsageError(`--${option} needs a value`, remedy);
  if (message.startsWith('Not enough non-option arguments')) {
    const missing: Partial<Record<(typeof COMMANDS)[number], string>> = {
      gradient: 'a case file',
      diagnose: 'a run folder',
      reproduce: 'a recipe',
      transfer: 'weights files or run folders',
    };
    const what = (command && missing[command]) ?? 'a weights file or a run folder';
    return new UsageError(`${command ?? 'the command'} needs ${what}`, remedy);
  }
  return new UsageError(message.split(/\s*\n\s*/).join('; '), remedy);
}

/**
 * Refuses `--seed=` and `--seed ""`, which the parser would take for zero.
 * @throws UsageError
 */
export function refuseEmptyNumbers(args: readonly string[]): void {
  for (const [index, arg] of args.entries()) {
    const name = arg.startsWith('-') ? nameOf(arg) : '';
    if (!NUMBER_OPTIONS.has(name)) continue;
    if (arg.endsWith('=') || (!arg.includes('=') && args[index + 1]?.trim() === '')) {
      throw usageError(`Not enough arguments following: ${name}`, args);
    }
  }
}

function unknownWord(
  word: string,
  args: readonly string[],
  command: (typeof COMMANDS)[number] | undefined,
): string {
  const typed = args.find((arg) => /^--?(no-)?[^-=]/.test(arg) && nameOf(arg) === word);
  if (typed !== undefined) {
    const near = suggestion(word, command ? OPTION_NAMES[command] : []).replace('mean ', 'mean --');
    return `there is no option ${typed.replace(/=.*$/s, '')}${near}`;
  }
  if (command === undefined)
    return `there is no command ${JSON.stringify(word)}${suggestion(word, COMMANDS)}`;
  return `${command} does not know what to do with ${JSON.stringify(word)}`;
}

/** `learning-rate` of --learning-rate=3. */
function nameOf(arg: string): string {
  return arg.replace(/^--?(no-)?/, '').replace(/=.*$/s, '');
}

/** Prints an error for people and returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof CoordwiseError) {
    process.stderr.write(`coordwise: ${error.message}.\n  Remedy: ${error.remedy}.\n`);
    return error.name === 'UsageError' || error.name === 'ConfigError' ? EXIT.usage : EXIT.failed;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`coordwise: unexpected error, please report it:\n${text}\n`);
  return EXIT.failed;
}

/** Ends the process when nobody reads its output any more, or the output cannot be written. */
export function watchOutput(): void {
  process.stdout.on('error', (error) => {
    if (errorCode(error) !== 'EPIPE') report(fileError(error, 'cannot write to standard output'));
    process.exit(EXIT.failed);
  });
  process.stderr.on('error', () => process.exit(EXIT.failed));
}
