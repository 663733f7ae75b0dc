import { fstatSync, ftruncateSync, readFileSync, readSync } from 'node:fs';
import { writeAll } from './files.ts';
import { lastLineStart, recordOf } from './runLog.ts';

/** Writes `line` after the last finished line; where the disk refuses, takes back the part that was written. */
export function appendLine(descriptor: number, path: string, line: string): void {
  const { size } = fstatSync(descriptor);
  const last = new Uint8Array(1);
  const isFinished = size === 0 || (readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] === 0x0a);
  let end = size;
  let text = line;
  if (!isFinished) {
    const bytes = readFileSync(path);
    const start = lastLineStart(bytes);
    if (recordOf(bytes.subarray(start).toString('utf8')) === undefined) ftruncateSync(descriptor, start);
    else text = `\n${line}`;
    end = fstatSync(descriptor).size;
  }
  try {
    writeAll(descriptor, Buffer.from(text, 'utf8'));
  } catch (error) {
    try {
      ftruncateSync(descriptor, end);
    } catch {
      // The next append, or the reader, passes over the unfinished line.
    }
    throw error;
  }
}
