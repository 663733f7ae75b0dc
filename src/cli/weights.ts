import { existsSync, statSync } from 'node:fs';
import {
  ConfigError,
  CoordwiseError,
  decodeWeights,
  requireGroups,
  startFits,
  type TaskConfig,
  taskGroups,
  taskParameters,
  type WeightsFile,
} from '../host/index.ts';
import { RunFolder, readFileChecked } from '../node/index.ts';
import { shippedWeights } from './shipped.ts';

/** Weights with the path that was given for them and the file they were read from. */
export interface ReadWeights {
  readonly file: WeightsFile;
  readonly path: string;
  readonly source: string;
}

/**
 * The weights of a file, the best ones of a run folder, or by their name those that come with the package.
 * @param keepTheta0 false to leave out the starting point that belongs to one architecture
 */
export function readWeights(path: string, keepTheta0: boolean): ReadWeights {
  const { bytes, source } = readBytes(path);
  const file = decodeWeights(bytes, source);
  return { file: keepTheta0 ? file : withoutTheta0(file), path, source };
}

function readBytes(path: string): { bytes: Uint8Array; source: string } {
  const shipped = existsSync(path) ? undefined : shippedWeights(path);
  if (shipped)
    return { bytes: readFileChecked(shipped.path, 'the weights'), source: `pretrained/${path}.safetensors` };
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    return { bytes: readFileChecked(path, 'the weights'), source: path };
  }
  const bytes = RunFolder.open(path).loadCheckpoint('best');
  if (bytes) return { bytes, source: `${path}/best.safetensors` };
  throw new CoordwiseError(`${path} holds no best.safetensors yet`, 'let the training run get further');
}

/** The weights that all coordinates share. */
function withoutTheta0(file: WeightsFile): WeightsFile {
  const { optimizer } = file;
  if (!('theta0Parameters' in optimizer)) return file;
  const { theta0Parameters: _, ...shared } = optimizer;
  return { ...file, optimizer: shared };
}

/**
 * A learned theta_0 is a starting point for one architecture, and weights by groups are for tasks that have the groups.
 * @throws ConfigError where the task has another number of parameters, or other groups.
 */
export function requireSameArchitecture(
  { file: { optimizer }, source }: Pick<ReadWeights, 'file' | 'source'>,
  task: TaskConfig,
): void {
  const groups = taskGroups(task);
  if (optimizer.groups && groups) requireGroups(optimizer.groups, groups);
  const learned = 'theta0Parameters' in optimizer ? optimizer.theta0Parameters : undefined;
  if (learned === undefined || startFits(learned, groups ?? [])) return;
  const parameters = taskParameters(task);
  throw new ConfigError(
    `${source} holds a starting point theta_0 for ${learned} parameters, and this task has ${parameters}`,
    'add --no-theta0 to use the shared weights alone, or evaluate on the architecture it was trained on',
  );
}
