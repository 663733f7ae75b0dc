import {
  type GateRecording,
  parseConfig,
  recordGates,
  SURFACE_BOXES,
  surfaceHeights,
  taskKeys,
  taskSchema,
} from '../../host/index.ts';
import type { DataEvent, GatesArgs, Landscape, Methods } from '../protocol.ts';
import { taskData } from './data.ts';
import type { Library } from './library.ts';
import { type Session, survive } from './session.ts';

/** Records the gates of a learned optimizer on held-out tasks. */
export async function gates(
  session: Session,
  library: Library,
  { learned, task: input, seed, episodes, horizon }: GatesArgs,
  emit: (event: DataEvent) => void,
): Promise<GateRecording> {
  const task = parseConfig(taskSchema, input, 'the task');
  const data = await taskData(task, (share) => emit({ kind: 'data', share }));
  const keys = taskKeys(seed, 'test', 0, episodes);
  return survive(session, (context) => {
    const ready = library.ready(context, learned);
    return recordGates(context, { task, data, list: 'test', keys, horizon, ...ready });
  });
}

export async function landscape(
  session: Session,
  { surface, size }: Methods['landscape']['args'],
): Promise<Landscape> {
  const { low, high, minimum } = SURFACE_BOXES[surface];
  const along = (axis: 0 | 1, index: number) => low[axis] + ((high[axis] - low[axis]) * index) / (size - 1);
  const points = Float32Array.from({ length: 2 * size * size }, (_, i) => {
    const point = Math.floor(i / 2);
    return i % 2 === 0 ? along(0, point % size) : along(1, Math.floor(point / size));
  });
  const heights = await survive(session, (context) => surfaceHeights(context, surface, points));
  return { low, high, minimum, heights };
}
