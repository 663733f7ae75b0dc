/** Parts of the engine that only the benches use outside of it: a kernel of their own, and an update by itself. */
export type { Kernel } from '../src/host/gpu/kernel.ts';
export { Program } from '../src/host/gpu/program.ts';
export { coordinatesOf } from '../src/host/ops/coordinates.ts';
