/**
 * While a promise of Node's WebGPU binding is pending, the binding polls its device on the JavaScript thread as
 * fast as the event loop turns, and takes a third of the machine from a software adapter. Sleeping a fraction
 * of a millisecond between turns gives it back.
 */
const SLEEP_MS = 0.2;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Waits for a promise of the device, asleep between turns of the event loop. */
export async function sleepyWait<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  while (!settled) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!settled) Atomics.wait(cell, 0, 0, SLEEP_MS);
  }
  return promise;
}
