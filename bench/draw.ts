import {
  coordinatesOf,
  createTasks,
  type GpuContext,
  Program,
  readTensors,
  submit,
  type TaskConfig,
  type Tensor,
  TensorPool,
  type Trainer,
  writeTensor,
} from '../src/host/index.ts';

/** A pool whose tensors can be found by their labels afterwards. */
class ListedPool extends TensorPool {
  readonly #listed = new Map<string, Tensor>();

  override tensor(...planned: Parameters<TensorPool['tensor']>): Tensor {
    const tensor = super.tensor(...planned);
    this.#listed.set(tensor.label, tensor);
    return tensor;
  }

  find(label: string): Tensor {
    const tensor = this.#listed.get(label);
    if (!tensor) throw new RangeError(`no tensor ${label} was planned`);
    return tensor;
  }
}

/** What defines a batch of quadratics: W [B, D, D], y [B, D] and the starting points theta0 [B, D]. */
export interface DrawnQuadratics {
  readonly W: Float32Array;
  readonly y: Float32Array;
  readonly theta0: Float32Array;
}

/** Draws the quadratics of these keys [B, 2] once more, as the unrolls draw them, and reads them back. */
export async function drawQuadratics(
  context: GpuContext,
  config: Extract<TaskConfig, { kind: 'quadratic' }>,
  keys: Uint32Array,
): Promise<DrawnQuadratics> {
  const tasks = keys.length / 2;
  const pool = new ListedPool(context);
  const tensors = {
    keys: pool.tensor('keys', [tasks, 2], 'u32'),
    clock: pool.tensor('clock', [4], 'u32'),
    steps: 1,
  };
  const optimizee = createTasks(pool, config, undefined, 'train', tasks)(tensors);
  const theta = pool.tensor('theta', [tasks, config.dimension]);
  await pool.allocate();
  try {
    writeTensor(context, tensors.keys, keys);
    const program = new Program(context, 'draw');
    optimizee.recordReset(program, theta);
    const read = await run(context, program, [pool.find('quadratic W'), pool.find('quadratic y'), theta]);
    const [W = new Float32Array(), y = new Float32Array(), theta0 = new Float32Array()] = read;
    return { W, y, theta0 };
  } finally {
    pool.destroy();
  }
}

/** The starting points theta0 [B, N] of the tasks whose keys the trainer's unroll now holds, drawn once more. */
export async function redrawTheta0(context: GpuContext, trainer: Trainer): Promise<Float32Array> {
  const pool = new TensorPool(context);
  const { optimizee } = trainer.unroll;
  const shape = coordinatesOf(optimizee.tasks, optimizee.parameters);
  const theta = pool.tensor('theta0', [4 * shape.mp4]);
  await pool.allocate();
  try {
    const program = new Program(context, 'redraw');
    optimizee.recordReset(program, theta);
    const [values = new Float32Array()] = await run(context, program, [theta]);
    return values.subarray(0, shape.count);
  } finally {
    pool.destroy();
  }
}

async function run(
  context: GpuContext,
  program: Program,
  tensors: readonly Tensor[],
): Promise<Float32Array[]> {
  await program.prepare();
  submit(context, (encoder) => program.encode(encoder));
  return readTensors(context, tensors);
}
