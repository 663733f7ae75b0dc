import { DeviceLostError, type GpuContext, OutOfMemoryError, openContext } from '../../host/index.ts';

/** The longest that one submit should keep the GPU from drawing the page. */
const SUBMIT_MS = 25;
/** Devices lost in a row that a piece of work puts up with. */
const ATTEMPTS = 3;

/** The engine's device: opened when first needed, and again after it was lost or has failed for good. */
export class Session {
  #context: Promise<GpuContext> | undefined;

  async context(): Promise<GpuContext> {
    const opened = this.#context ?? this.#open();
    this.#context = opened;
    const context = await opened;
    try {
      context.check();
      return context;
    } catch {
      // Every later call would report that failure again.
      this.#forget(opened);
      context.destroy();
      return this.context();
    }
  }

  #open(): Promise<GpuContext> {
    const opened = openContext(navigator.gpu, { submitMs: SUBMIT_MS });
    opened.then(
      ({ device }) => device.lost.then(() => this.#forget(opened)),
      () => this.#forget(opened),
    );
    return opened;
  }

  #forget(opened: Promise<GpuContext>): void {
    if (this.#context === opened) this.#context = undefined;
  }
}

/** What lets a piece of work be done again: it knows its last state. */
export interface Resumable {
  /** Whether it has got further since it was last taken back. */
  gotFurther(): boolean;
  /** Back to its last state. */
  goBack(error: DeviceLostError | OutOfMemoryError): void;
}

const FROM_THE_START: Resumable = { gotFurther: () => false, goBack: () => {} };

/**
 * Does `work` on the device, and again on a new one when it was lost on the way, as often as it got further before, and
 * three times where it did not. Where memory ran out it is done again only if it got further: then it had enough before.
 */
export async function survive<T>(
  session: Session,
  work: (context: GpuContext) => Promise<T>,
  resumable: Resumable = FROM_THE_START,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(await session.context());
    } catch (error) {
      const lost = error instanceof DeviceLostError;
      if (!lost && !(error instanceof OutOfMemoryError)) throw error;
      if (resumable.gotFurther()) attempt = 0;
      else if (!lost || attempt >= ATTEMPTS) throw error;
      resumable.goBack(error);
    }
  }
}
