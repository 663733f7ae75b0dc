import { STREAMS } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Program } from '../gpu/program.ts';
import { readTensors, submit, writeTensor } from '../gpu/readback.ts';
import { type Tensor, TensorPool } from '../gpu/tensor.ts';
import type { ParameterGroup } from '../ops/coordinates.ts';
import { recordUniform } from '../ops/random.ts';
import {
  recordSurfaceBackward,
  recordSurfaceForward,
  recordSurfaceRBackward,
  type Surface,
} from '../ops/surface.ts';
import type { Optimizee, TaskTensors } from './optimizee.ts';

/** A rectangle of the plane. */
export interface Box {
  readonly low: readonly [number, number];
  readonly high: readonly [number, number];
}

/** Where each surface is looked at and started on, and where it is lowest: there it is 0. */
export const SURFACE_BOXES: Readonly<Record<Surface, Box & { readonly minimum: readonly [number, number] }>> =
  {
    bowl: { low: [-3, -2], high: [3, 2], minimum: [0, 0] },
    rosenbrock: { low: [-2, -1], high: [2, 3], minimum: [1, 1] },
    beale: { low: [-1, -1.5], high: [4, 1.5], minimum: [3, 0.5] },
    rastrigin: { low: [-4, -4], high: [4, 4], minimum: [0, 0] },
  };

/** Both coordinates: there are no layers. */
export function surfaceGroups(): ParameterGroup[] {
  return [{ name: 'theta', kind: 'theta', offset: 0, count: 2 }];
}

/** A test function of two variables; tasks start anywhere in its box. Formulas in src/shaders/surface. */
export function createSurface(
  tasks: number,
  surface: Surface,
  { keys, secondDerivatives = false }: TaskTensors,
): Optimizee {
  const { low, high } = SURFACE_BOXES[surface];
  return {
    description: `surface ${surface}`,
    tasks,
    parameters: 2,
    groups: surfaceGroups(),
    upload() {},
    recordReset(program, theta) {
      const [x, y] = [STREAMS.start, STREAMS.problemVector];
      const span = { count: 1, stride: 2 };
      recordUniform(program, keys, theta, { ...span, offset: 0, stream: x, low: low[0], high: high[0] });
      recordUniform(program, keys, theta, { ...span, offset: 1, stream: y, low: low[1], high: high[1] });
    },
    recordSample() {},
    recordLoss(program, theta, losses, slot) {
      recordSurfaceForward(program, { theta, losses }, surface, { tasks, slot });
    },
    recordGradient(program, theta, gradient) {
      recordSurfaceBackward(program, { theta, gradient }, surface, tasks);
    },
    ...(secondDerivatives && {
      recordHessianVector(program: Program, theta: Tensor, v: Tensor, product: Tensor) {
        recordSurfaceRBackward(program, { theta, v, product }, surface, tasks);
      },
    }),
  };
}

/** Heights of a surface at the points [n, 2], by the kernel that optimizers see it through. */
export async function surfaceHeights(
  context: GpuContext,
  surface: Surface,
  points: Float32Array,
): Promise<Float32Array> {
  const tasks = points.length / 2;
  const pool = new TensorPool(context);
  const theta = pool.tensor('points', [tasks, 2]);
  const losses = pool.tensor('heights', [1, tasks]);
  try {
    await pool.allocate();
    writeTensor(context, theta, points);
    const program = new Program(context, 'heights of a surface');
    recordSurfaceForward(program, { theta, losses }, surface, { tasks, slot: 0 });
    await program.prepare();
    submit(context, (encoder) => program.encode(encoder));
    const [heights = new Float32Array()] = await readTensors(context, [losses]);
    return heights;
  } finally {
    pool.destroy();
  }
}
