import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CoordwiseError } from '../host/errors.ts';
import { errorCode, fileError, temporaryPath, writeAll } from './files.ts';

/** The lock's file name inside the folder it guards. */
export const lockFileName = 'lock.json';

/** A lock file is written right after it is created; one still unreadable after this long was left by a crash. */
const unreadableGraceMs = 5000;
const attempts = 5;

/** Who holds a lock. `started` tells a process from a later one of the same id, where the system says (Linux). */
interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly started: string;
  readonly token: string;
}

/** A folder one process may write to. `assertHeld` before every write; `release` when done, or the process's exit does. */
export interface FolderLock {
  /** @throws CoordwiseError where the lock file was deleted or taken over */
  readonly assertHeld: () => void;
  readonly release: () => void;
}

/**
 * The state and the start time (in clock ticks since boot) of a process: fields 3 and 22 of /proc/PID/stat. Both are
 * empty where there is no /proc.
 */
function processStat(pid: number): { state: string; started: string } {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return { state: '', started: '' };
  }
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

/** Whether a process of this id runs on this machine; one that has ended but was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
  return processStat(pid).state !== 'Z';
}

function parseOwner(text: string): Owner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, host, started, token } = value as Partial<Record<keyof Owner, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  if (typeof host !== 'string' || typeof started !== 'string' || typeof token !== 'string') return undefined;
  return { pid, host, started, token };
}

interface LockFile {
  readonly text: string;
  readonly ageMs: number;
}

/** The lock file, or undefined where there is none. */
function readLock(path: string): LockFile | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    // By the descriptor, so that the age is that of the text, whatever happens to the path meanwhile.
    const text = readFileSync(descriptor, 'utf8');
    return { text, ageMs: Date.now() - fstatSync(descriptor).mtimeMs };
  } finally {
    closeSync(descriptor);
  }
}

function isStale(file: LockFile, owner: Owner | undefined): boolean {
  if (owner === undefined) return file.ageMs > unreadableGraceMs;
  if (owner.host !== hostname()) return false;
  if (!isRunning(owner.pid)) return true;
  const { started } = processStat(owner.pid);
  return started !== '' && owner.started !== '' && started !== owner.started;
}

function inUse(folder: string, path: string, owner: Owner | undefined): CoordwiseError {
  if (owner === undefined) {
    return new CoordwiseError(`${folder} is being opened by another process`, 'try again in a few seconds');
  }
  if (owner.host !== hostname()) {
    const message = `${folder} is in use by process ${owner.pid} on ${owner.host}`;
    return new CoordwiseError(message, `wait for it, or delete ${path} if that process is gone`);
  }
  if (owner.pid === process.pid) {
    const message = `${folder} is already open for writing in this process`;
    return new CoordwiseError(message, 'close the other run folder first');
  }
  return new CoordwiseError(
    `${folder} is in use by process ${owner.pid}`,
    'wait for it or stop it, or choose another folder',
  );
}

/** Creates the lock file; false where there is one already. */
function tryCreate(path: string, text: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx');
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    writeAll(descriptor, Buffer.from(text, 'utf8'));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Moves a stale lock out of the way; the caller, finding it gone or replaced, simply tries again. */
function removeStale(folder: string, path: string, text: string): void {
  const aside = temporaryPath(folder);
  try {
    renameSync(path, aside);
    // Between the look and the rename another process may have replaced the stale lock: then it gets its own back.
    if (readLock(aside)?.text === text) rmSync(aside, { force: true });
    else renameSync(aside, path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/**
 * Takes a folder for this process by a file with its process id. A lock whose process is gone is taken over.
 *
 * @throws CoordwiseError where a live process holds it (this one included), or the file cannot be written
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, lockFileName);
  const token = randomBytes(8).toString('hex');
  const owner: Owner = {
    pid: process.pid,
    host: hostname(),
    started: processStat(process.pid).started,
    token,
  };
  const mine = JSON.stringify(owner);
  try {
    for (let attempt = 1; !tryCreate(path, mine); attempt++) {
      const file = readLock(path);
      const holder = file === undefined ? undefined : parseOwner(file.text);
      if (attempt > attempts || (file !== undefined && !isStale(file, holder))) {
        throw inUse(folder, path, holder);
      }
      if (file !== undefined) removeStale(folder, path, file.text);
    }
  } catch (error) {
    throw fileError(error, `cannot lock ${folder}`);
  }

  const release = (): void => {
    process.off('exit', release);
    try {
      if (readLock(path)?.text === mine) rmSync(path, { force: true });
    } catch {
      // A lock that cannot be removed is stale once this process has ended.
    }
  };
  const assertHeld = (): void => {
    let text: string | undefined;
    try {
      text = readLock(path)?.text;
    } catch (error) {
      throw fileError(error, `cannot read ${path}`);
    }
    if (text === mine) return;
    const taker = text === undefined ? undefined : parseOwner(text);
    const what = taker === undefined ? 'was deleted' : `was taken over by process ${taker.pid}`;
    throw new CoordwiseError(
      `the lock of ${folder} ${what} while this process was writing`,
      'make sure that one process writes the folder at a time, then go on with --resume',
    );
  };
  process.on('exit', release);
  return { assertHeld, release };
}
