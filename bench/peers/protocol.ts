import * as z from 'zod';
import { CoordwiseError } from '../../src/host/index.ts';

/** Requests and answers are JSON, one a line; a peer answers each request once, in order. */
export type PeerRequest =
  | { readonly request: 'load'; readonly workload: string; readonly file: string }
  | { readonly request: 'run'; readonly workload: string };

/** A peer's first line. `adapter` where it uses WebGPU. */
export const greetingSchema = z.object({
  ready: z.literal(true),
  versions: z.record(z.string(), z.string()),
  adapter: z.string().optional(),
});

/** The workload is in memory. */
export const loadedSchema = z.object({ loaded: z.string() });

/** A run to completion: the numbers that must agree, and its time by the peer's own clock. */
export const runSchema = z.object({
  numbers: z.record(z.string(), z.number()),
  ms: z.number().positive(),
  cpuMs: z.number().nonnegative(),
});
export type PeerRun = z.infer<typeof runSchema>;

/** `python3 torchPeer.py probe`: whether the BLAS is MKL, and the time of some products. */
export const probeSchema = z.object({ torch: z.string(), mkl: z.boolean(), ms: z.number().positive() });

const errorSchema = z.object({ error: z.string() });

/** A peer that cannot go on; the bench reports it and goes on without. */
export class PeerError extends CoordwiseError {
  constructor(reason: string) {
    super(reason, 'run the peer by hand as docs/performance.md says, or leave it out of --peers');
  }
}

/**
 * One line of a peer, of the shape that was asked for.
 * @throws PeerError with the peer's own message, or where the line is something else.
 */
export function parseAnswer<T>(schema: z.ZodType<T>, line: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new PeerError(`it answered with what is no JSON: ${JSON.stringify(line.slice(0, 200))}`);
  }
  const failure = errorSchema.safeParse(value);
  if (failure.success) throw new PeerError(failure.data.error);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new PeerError(`it answered with another shape: ${line.slice(0, 200)}`);
  return parsed.data;
}
