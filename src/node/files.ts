import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CoordwiseError, FileFormatError } from '../host/errors.ts';

const temporaryName = /^\.coordwise-(\d+)-[0-9a-f]{12}\.tmp$/;

/** A new path in `folder` for a file that this process renames or deletes at once. */
export function temporaryPath(folder: string): string {
  return join(folder, `.coordwise-${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
}

/** The process that made a temporary file of this name, or undefined where the name is not a temporary's. */
export function temporaryOwner(name: string): number | undefined {
  const digits = temporaryName.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * What a JSON file holds.
 *
 * @param what the file is, for messages: 'the recipe'
 * @throws CoordwiseError where it cannot be read, FileFormatError where it is not JSON
 */
export function readJsonFile(path: string, what: string): unknown {
  const bytes = readFileChecked(path, what);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FileFormatError(`${path} is not JSON: ${reason}`, 'correct the file, or restore it', { cause });
  }
}

/** The `code` of a Node error, such as `ENOENT`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const reasons: ReadonlyMap<string, readonly [reason: string, remedy: string]> = new Map([
  ['ENOSPC', ['the disk is full', 'free some space, or choose a folder on another disk']],
  ['EDQUOT', ['your disk quota is used up', 'free some space, or choose a folder on another disk']],
  ['EFBIG', ['the file would exceed the size limit', 'raise the limit (ulimit -f), or choose another disk']],
  ['EACCES', ['permission is denied', 'change the permissions, or choose another path']],
  ['EPERM', ['the operation is not permitted', 'change the permissions, or choose another path']],
  ['EROFS', ['the file system is read-only', 'choose a path on a disk that can be written to']],
  ['ENOENT', ['there is no such file or folder', 'check the path, and create the folder if it is missing']],
  ['ENOTDIR', ['a part of the path is a file, not a folder', 'check the path']],
  ['EEXIST', ['a file of that name is in the way', 'choose another path, or move that file']],
  ['EISDIR', ['it is a folder', 'give the path of a file']],
  ['ELOOP', ['the symbolic links in the path go round in a circle', 'check the path']],
  ['ENAMETOOLONG', ['the path is too long', 'choose a shorter one']],
  ['EMFILE', ['too many files are open', 'raise the limit (ulimit -n)']],
  ['EIO', ['the disk reported an error', 'check the disk, or choose a folder on another one']],
]);

/**
 * A file system's error as one a user can act on.
 *
 * @param doing what failed, with the path: "cannot write runs/a/log.jsonl"
 */
export function fileError(error: unknown, doing: string): CoordwiseError {
  if (error instanceof CoordwiseError) return error;
  const code = errorCode(error);
  const known = code === undefined ? undefined : reasons.get(code);
  const text = error instanceof Error ? error.message : String(error);
  const [reason, remedy] = known ?? [text, 'check the path and the disk'];
  return new CoordwiseError(`${doing}: ${reason}`, remedy, { cause: error });
}

/** Writes all of `data` at the descriptor's position; `writeSync` alone may write only a part. */
export function writeAll(descriptor: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) at += writeSync(descriptor, data, at);
}

/** Makes a rename or a new file in `folder` survive a power cut, where the system knows how to. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows and some network disks cannot; the data themselves are on disk already.
  }
}

/** Where to write so that a symbolic link at `path` stays one; refuses what is neither absent nor a plain file. */
function writableTarget(path: string): { target: string; mode: number } {
  if (!existsSync(path)) return { target: path, mode: 0o666 };
  const stats = statSync(path);
  if (stats.isFile()) {
    accessSync(path, constants.W_OK);
    return { target: realpathSync(path), mode: stats.mode & 0o777 };
  }
  const what = stats.isDirectory() ? 'it is a folder' : 'it is not a plain file';
  throw new CoordwiseError(`cannot write ${path}: ${what}`, 'give the path of a file');
}

/**
 * Replaces a file's content as a whole: a reader, or a process killed at any moment, finds either the old content or
 * the new. The data go to a temporary file in the same folder, which is synced to disk and renamed.
 *
 * @param data bytes, or text to be written as UTF-8
 * @throws CoordwiseError where it cannot be written; the old content is then intact and no temporary file is left
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  try {
    const { target, mode } = writableTarget(path);
    const folder = dirname(target);
    const temporary = temporaryPath(folder);
    try {
      const descriptor = openSync(temporary, 'wx', mode);
      try {
        writeAll(descriptor, typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(folder);
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
}

/**
 * The bytes of a file.
 *
 * @param what what the file is to the user, for messages: "weights", "the gradient case"
 * @throws CoordwiseError where it is missing, a folder, or may not be read
 */
export function readFileChecked(path: string, what: string): Uint8Array<ArrayBuffer> {
  try {
    const buffer = readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    const doing = `cannot read ${what} from ${path}`;
    if (errorCode(error) !== 'ENOENT') throw fileError(error, doing);
    throw new CoordwiseError(`${doing}: there is no such file or folder`, 'check the path', { cause: error });
  }
}
