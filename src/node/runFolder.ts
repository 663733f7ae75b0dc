import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CoordwiseError, FileFormatError } from '../host/errors.ts';
import { errorCode, fileError, readFileChecked, temporaryOwner, writeFileAtomic } from './files.ts';
import { type FolderLock, isRunning, lockFileName, lockFolder } from './folderLock.ts';
import { appendLine } from './logFile.ts';
import { encodeRecord, parseLog } from './runLog.ts';

/** The weights a run folder holds: the last of the training, to resume from, and the best on the validation tasks. */
export type CheckpointName = 'checkpoint' | 'best';

const configName = 'config.json';
const logName = 'log.jsonl';
const checkpointFile = (name: CheckpointName): string => `${name}.safetensors`;
const ownFiles = [configName, logName, lockFileName, checkpointFile('checkpoint'), checkpointFile('best')];
const startOver = 'give the --out folder of an earlier `coordwise train`';

/**
 * A training run on disk: `config.json` (the settings), `log.jsonl` (a line a meta-iteration),
 * `checkpoint.safetensors`, `best.safetensors`, and texts such as `report.html`.
 *
 * Whoever writes holds the folder's lock: `create` takes it, `open` on demand or at the first write. It is kept
 * until `close`, or until the process ends. Every file but the log is replaced as a whole, so a process killed at any
 * moment leaves a folder that can be read and resumed. Every method throws CoordwiseError where the disk refuses.
 */
export class RunFolder {
  readonly path: string;
  /** The settings the run was created with, as they read back from JSON. */
  readonly config: unknown;
  #lock: FolderLock | undefined;
  /** For a run that `create` made: the topmost folder it had to make, if any. */
  readonly #created: { readonly topmost: string | undefined } | undefined;

  private constructor(
    path: string,
    config: unknown,
    lock: FolderLock | undefined,
    created?: { readonly topmost: string | undefined },
  ) {
    this.path = path;
    this.config = config;
    this.#lock = lock;
    this.#created = created;
  }

  /**
   * Makes the folder of a new run, with the folders above it, and locks it.
   *
   * @param config any value that JSON can hold
   * @throws CoordwiseError where `path` is anything but an empty folder or nothing at all
   */
  static create(path: string, config: unknown): RunFolder {
    const text = JSON.stringify(config, null, 2);
    if (text === undefined) {
      throw new CoordwiseError('a run cannot be created without settings', 'pass the settings as an object');
    }
    let topmost: string | undefined;
    let lock: FolderLock | undefined;
    try {
      refuseUsed(path);
      topmost = mkdirSync(path, { recursive: true });
      lock = takeLock(path);
      refuseUsed(path);
      writeFileAtomic(join(path, configName), `${text}\n`);
      return new RunFolder(path, JSON.parse(text), lock, { topmost });
    } catch (error) {
      lock?.release();
      removeEmptyFolders(path, topmost);
      throw fileError(error, `cannot create the run folder ${path}`);
    }
  }

  /**
   * Opens the folder of an earlier run.
   *
   * @param options `lock`: take the lock at once, as a resumed training must do before it reads the checkpoint
   * @throws CoordwiseError where there is no run at `path`, its settings cannot be read, or it is locked by another
   */
  static open(path: string, options: { readonly lock?: boolean } = {}): RunFolder {
    const bytes = readConfig(path);
    let config: unknown;
    try {
      config = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      const remedy = 'restore the file from a backup, or start a new run with another --out';
      throw new FileFormatError(`${join(path, configName)} is not valid JSON`, remedy, { cause });
    }
    return new RunFolder(path, config, options.lock === true ? takeLock(path) : undefined);
  }

  /**
   * Adds one line to the log. Numbers that are not finite become null, JSON having no other word for them.
   *
   * @param record what JSON can hold, with the meta-iteration it belongs to as `iteration`
   * @throws CoordwiseError where it cannot be written whole; the earlier lines are then as they were
   */
  appendLog(record: object): void {
    const line = encodeRecord(record);
    this.#hold();
    const path = join(this.path, logName);
    try {
      const descriptor = openSync(path, 'a+');
      try {
        appendLine(descriptor, path, line);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      throw fileError(error, `cannot write ${path}`);
    }
  }

  /**
   * The log's records in order, none where there is no log yet. A last line that a killed process left unfinished
   * is passed over.
   *
   * @throws FileFormatError where any other line is not a JSON object with an `iteration`
   */
  readLog(): unknown[] {
    return this.#readLogLines().map(({ record }) => record);
  }

  /**
   * Drops the records of iteration `keepBelowIteration` and later, and an unfinished last line, so that a run
   * resumed from a checkpoint of that iteration does not log an iteration twice. Replaces the log as a whole.
   *
   * @throws FileFormatError where a finished line is not a JSON object with an `iteration`
   */
  truncateLog(keepBelowIteration: number): void {
    this.#hold();
    if (this.#readLogBytes() === undefined) return;
    const kept = this.#readLogLines().filter(({ record }) => record.iteration < keepBelowIteration);
    writeFileAtomic(join(this.path, logName), kept.map(({ text }) => `${text}\n`).join(''));
  }

  /** Replaces a checkpoint, after the log lines so far have reached the disk. */
  saveCheckpoint(name: CheckpointName, bytes: Uint8Array): void {
    this.#hold();
    this.#syncLog();
    writeFileAtomic(join(this.path, checkpointFile(name)), bytes);
  }

  /** The bytes of a checkpoint, or undefined where none was saved yet. */
  loadCheckpoint(name: CheckpointName): Uint8Array<ArrayBuffer> | undefined {
    return readIfPresent(join(this.path, checkpointFile(name)), `the ${name} weights`);
  }

  /**
   * Replaces a text file beside the run's own, such as `report.html`.
   *
   * @throws CoordwiseError where `name` is a path or one of the run's own files
   */
  writeText(name: string, text: string): void {
    if (name !== basename(name) || /^\.|^$|[\\/]/.test(name) || ownFiles.includes(name)) {
      const message = `${JSON.stringify(name)} cannot be the name of a text file in a run folder`;
      throw new CoordwiseError(message, 'give a plain file name that the run does not use itself');
    }
    this.#hold();
    writeFileAtomic(join(this.path, name), text);
  }

  /**
   * Closes a run that failed. Where this process created it and it has no weights yet, it is taken back: settings
   * and log are deleted, and the folders that `create` made, as far as nothing else is in them. Never throws.
   */
  discard(): void {
    const files = readableNames(this.path);
    const begun = (['best', 'checkpoint'] as const).some((name) => files.includes(checkpointFile(name)));
    const takeBack = this.#created !== undefined && this.#lock !== undefined && !begun;
    try {
      if (takeBack) for (const name of [configName, logName]) rmSync(join(this.path, name), { force: true });
    } catch {
      // What cannot be deleted stays; the failure that led here is the one to report.
    }
    this.close();
    if (takeBack) removeEmptyFolders(this.path, this.#created?.topmost);
  }

  /** Gives the lock back. The folder can still be read; another write takes the lock again. */
  close(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #hold(): void {
    if (this.#lock === undefined) this.#lock = takeLock(this.path);
    else this.#lock.assertHeld();
  }

  #readLogBytes(): Uint8Array | undefined {
    return readIfPresent(join(this.path, logName), 'the log');
  }

  #readLogLines(): ReturnType<typeof parseLog> {
    return parseLog(this.#readLogBytes() ?? new Uint8Array(), join(this.path, logName));
  }

  #syncLog(): void {
    const path = join(this.path, logName);
    try {
      const descriptor = openSync(path, 'r+');
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw fileError(error, `cannot write ${path}`);
    }
  }
}

/** Throws where a new run at `path` would mix with something that is there. */
function refuseUsed(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory())
    throw new CoordwiseError(`${path} is a file, not a folder`, 'choose another --out');
  const names = readdirSync(path).filter(
    (name) => name !== lockFileName && temporaryOwner(name) === undefined,
  );
  if (names.includes(configName)) {
    const remedy = 'choose another --out, or continue that run with --resume';
    throw new CoordwiseError(`${path} already holds a run`, remedy);
  }
  if (names.length > 0) {
    throw new CoordwiseError(`${path} exists and is not empty`, 'choose another --out, or empty that folder');
  }
}

function readConfig(path: string): Uint8Array {
  try {
    if (!statSync(path).isDirectory()) {
      throw new CoordwiseError(`${path} is a file, not a run folder`, startOver);
    }
    const bytes = readIfPresent(join(path, configName), 'the settings');
    if (bytes !== undefined) return bytes;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileError(error, `cannot open the run folder ${path}`);
    throw new CoordwiseError(`the run folder ${path} does not exist`, startOver, { cause: error });
  }
  throw new CoordwiseError(`${path} is not a run folder: it has no ${configName}`, startOver);
}

function readIfPresent(path: string, what: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return readFileChecked(path, what);
  } catch (error) {
    if (error instanceof Error && errorCode(error.cause) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Locks the folder and deletes the temporary files of processes that were killed while they wrote. */
function takeLock(folder: string): FolderLock {
  const lock = lockFolder(folder);
  try {
    for (const name of readdirSync(folder)) {
      const pid = temporaryOwner(name);
      if (pid !== undefined && !isRunning(pid)) rmSync(join(folder, name), { force: true });
    }
  } catch (error) {
    lock.release();
    throw fileError(error, `cannot clean up ${folder}`);
  }
  return lock;
}

function readableNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Removes `folder` and those above it, up to `topmost`, as long as they are empty; nothing without `topmost`. */
function removeEmptyFolders(folder: string, topmost: string | undefined): void {
  if (topmost === undefined) return;
  const last = resolve(topmost);
  try {
    for (let at = resolve(folder); at.startsWith(last); at = dirname(at)) rmdirSync(at);
  } catch {
    // Somebody else uses it by now, or the disk refuses: an empty folder does no harm.
  }
}
