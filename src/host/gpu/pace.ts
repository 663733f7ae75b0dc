/** Dispatches of a submit before any was timed. */
const FIRST = 16;
const LEAST = 4;
/** Nothing that was recorded so far has as many dispatches. */
const MOST = 1 << 20;
/** What is left of the dearest dispatch seen when a cheaper one is measured. */
const FORGETTING = 0.8;

/**
 * How many dispatches go into one submit, so that none keeps the device much longer than `targetMs`: the page that is
 * drawn by the same GPU stays fluid, and no driver takes a long submit for a hung one. It learns from how long the
 * submits before took. Results do not depend on it.
 */
export class SubmitPace {
  readonly #targetMs: number;
  #msPerDispatch: number | undefined;
  #doneAt = 0;

  constructor(targetMs: number) {
    this.#targetMs = targetMs;
  }

  get dispatches(): number {
    if (this.#msPerDispatch === undefined) return FIRST;
    const fit = Math.floor(this.#targetMs / this.#msPerDispatch);
    return Math.min(MOST, Math.max(LEAST, fit));
  }

  /** Times the `dispatches` just submitted to `queue`. */
  watch(queue: GPUQueue, dispatches: number): void {
    if (dispatches === 0) return;
    const submittedAt = performance.now();
    void queue.onSubmittedWorkDone().then(
      () => {
        const now = performance.now();
        // The device began with them when it was done with what came before.
        this.learn(dispatches, now - Math.max(submittedAt, this.#doneAt));
        this.#doneAt = now;
      },
      () => {},
    );
  }

  /** So many dispatches took so long. */
  learn(dispatches: number, timeMs: number): void {
    const measured = timeMs / dispatches;
    const before = this.#msPerDispatch ?? 0;
    this.#msPerDispatch = Math.max(measured, FORGETTING * before);
  }
}
