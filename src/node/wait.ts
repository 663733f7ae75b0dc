/**
 * While a promise of Node's WebGPU binding is pending, the binding polls its device on the JavaScript thread as
 * fast as the event loop turns, and takes a third of the machine from a software adapter. Sleeping between turns
 * gives it back: the longer a wait has taken, the longer, so that it ends at most 2 %, or 0.2 ms, late.
 */
const LEAST_MS = 0.2;
const MOST_MS = 5;
const SHARE = 0.02;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Waits for a promise of the device, asleep between turns of the event loop. */
export async function sleepyWait<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  const start = performance.now();
  while (!settled) {
    await new Promise((resolve) => setImmediate(resolve));
    if (settled) break;
    const waited = performance.now() - start;
    Atomics.wait(cell, 0, 0, Math.min(MOST_MS, Math.max(LEAST_MS, SHARE * waited)));
  }
  return promise;
}
