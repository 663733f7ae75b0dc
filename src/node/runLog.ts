/** The text of a run's log: one JSON object a line, each with the meta-iteration it belongs to. */
import { CoordwiseError, FileFormatError } from '../host/errors.ts';

/** A record of the log; what else it holds is the training's business. */
export interface LogRecord {
  readonly iteration: number;
}

/** A line of the log, without its newline, and what it says. */
export interface LogLine {
  readonly text: string;
  readonly record: LogRecord;
}

function isLogRecord(value: unknown): value is LogRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'iteration' in value &&
    Number.isSafeInteger(value.iteration)
  );
}

/** The record a line holds, or undefined where it holds none. */
export function recordOf(text: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isLogRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A record as a line with its newline.
 *
 * @throws CoordwiseError where it has no whole number `iteration`, without which a log cannot be resumed
 */
export function encodeRecord(record: object): string {
  if (!isLogRecord(record)) {
    throw new CoordwiseError('a log record has no iteration', 'give it a whole number as `iteration`');
  }
  return `${JSON.stringify(record)}\n`;
}

/** The byte at which the last line starts: after the last newline, or 0. */
export function lastLineStart(bytes: Uint8Array): number {
  return bytes.lastIndexOf(0x0a) + 1;
}

/**
 * The lines of a log. What follows the last newline is taken when it is a whole record, and passed over otherwise: it
 * is what a process killed while it wrote leaves behind.
 *
 * @param source the file's name, for messages
 * @throws FileFormatError naming the first finished line that is not a record
 */
export function parseLog(bytes: Uint8Array, source: string): LogLine[] {
  const lines: LogLine[] = [];
  const texts = new TextDecoder().decode(bytes).split('\n');
  for (const [index, text] of texts.entries()) {
    const record = recordOf(text);
    if (record !== undefined) lines.push({ text, record });
    else if (index < texts.length - 1) {
      const remedy = 'delete the line, or restore the file from a backup';
      throw new FileFormatError(`${source}: line ${index + 1} is not a log record`, remedy);
    }
  }
  return lines;
}
