import { GpuContext } from '../gpu/context.ts';
import { Program } from '../gpu/program.ts';
import { submit } from '../gpu/readback.ts';
import { type Tensor, TensorPool } from '../gpu/tensor.ts';
import { type LstmSizes, lstmRow, lstmWindow, recordLstmBackward, recordLstmForward } from './lstm.ts';
import {
  chooseLstmVariant,
  dGatesRows,
  type LstmVariant,
  lstmCandidates,
  lstmChunks,
  planLstmTexels,
} from './lstmVariants.ts';

/** The layer that is timed: the second of the published optimizer, on as many coordinates as a small network has. */
const TIMED = { inputs: 20, hidden: 20, mp4: 512 } as const;
const ROUNDS = 15;
/** Another variant must be faster than the device's default by more than this share. */
const MARGIN = 0.2;

/** For people and for the key of a stored choice: what was timed. */
export const LSTM_TIMED = `a layer of ${TIMED.inputs} inputs and ${TIMED.hidden} units on ${4 * TIMED.mp4} coordinates`;

/** Milliseconds of one layer forward and backward; the least of some interleaved runs, to completion. */
export interface LstmTiming {
  readonly variant: LstmVariant;
  readonly ms: number;
}

/**
 * Times every variant that the device runs, one after the other in turns; compiles them all.
 * @param clockMs what is measured: time that passes or, for a software adapter on a busy machine, processor time
 */
export async function timeLstmVariants(
  context: GpuContext,
  clockMs: () => number = () => performance.now(),
): Promise<LstmTiming[]> {
  const layers: { variant: LstmVariant; layer: Layer; ms: number[] }[] = [];
  try {
    for (const variant of lstmCandidates(context)) {
      layers.push({ variant, layer: await createLayer(context, variant), ms: [] });
    }
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { layer, ms } of layers) {
        const start = clockMs();
        submit(context, (encoder) => layer.program.encode(encoder));
        await context.idle();
        // The first round compiles.
        if (round > 0) ms.push(clockMs() - start);
      }
    }
  } finally {
    for (const { layer } of layers) layer.pool.destroy();
  }
  return layers.map(({ variant, ms }) => ({ variant, ms: Math.min(...ms) }));
}

/** The device's default (`usual`), unless another variant is clearly faster: chance does not decide. */
export function fastestLstm(timings: readonly LstmTiming[], usual: LstmVariant): LstmVariant {
  let best = timings.find(({ variant }) => variant === usual);
  if (!best) throw new RangeError(`${usual} was not timed`);
  const most = best.ms * (1 - MARGIN);
  for (const timing of timings) if (timing.ms < Math.min(most, best.ms)) best = timing;
  return best.variant;
}

interface Layer {
  readonly pool: TensorPool;
  readonly program: Program;
}

async function createLayer(device: GpuContext, variant: LstmVariant): Promise<Layer> {
  const { wait } = device;
  const context = new GpuContext(device.device, device.adapter, { wait });
  chooseLstmVariant(context, variant);
  const pool = new TensorPool(context);
  const { inputs, hidden, mp4 } = TIMED;
  const chunks = lstmChunks(context, TIMED);
  const sizes: LstmSizes = { inputs, hidden, mp4, window: lstmWindow(TIMED) };
  const rows = (label: string, count: number): Tensor => pool.tensor(label, [count, 4 * mp4]);
  const size = 4 * hidden * lstmRow(TIMED);
  const weights = pool.tensor('weights', [size]);
  const [x, hPrev, cPrev] = [rows('x', inputs), rows('h', hidden), rows('c', hidden)];
  const [h, c] = [rows('next h', hidden), rows('next c', hidden)];
  const [dh, dc] = [rows('dh', hidden), rows('dc', hidden)];
  const dGates = rows('dGates', dGatesRows(context, TIMED));
  const dx = rows('dx', inputs);
  const partials = pool.tensor('partials', [size * chunks]);
  for (const tensor of [weights, x, hPrev]) planLstmTexels(pool, [tensor], 1);
  await pool.allocate();
  const program = new Program(context, `LSTM kernels, ${variant}`);
  recordLstmForward(program, { weights, x, hPrev, cPrev, h, c }, sizes);
  const sums = { chunks, stride: size / 4, accumulate: false };
  const back = { weights, x, hPrev, cPrev, dh, dc, dGates, partials, dx };
  recordLstmBackward(program, back, sizes, { ...sums, x: 'set', hPrev: true });
  await program.prepare();
  return { pool, program };
}
