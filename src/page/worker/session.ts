import { DeviceLostError, type GpuContext, openContext } from '../../host/index.ts';

/** The engine's device: opened when first needed, and again after it was lost. */
export class Session {
  #context: Promise<GpuContext> | undefined;

  context(): Promise<GpuContext> {
    this.#context ??= this.#open();
    return this.#context;
  }

  async #open(): Promise<GpuContext> {
    try {
      const context = await openContext(navigator.gpu, { submitMs: SUBMIT_MS });
      void context.device.lost.then(() => {
        this.#context = undefined;
      });
      return context;
    } catch (error) {
      this.#context = undefined;
      throw error;
    }
  }
}

/** Devices lost in a row that a piece of work puts up with. */
const ATTEMPTS = 3;
/** The longest that one submit should keep the GPU from drawing the page. */
const SUBMIT_MS = 25;

/**
 * Does `work` on the device, and again on a new one when it was lost on the way; `onLost` is told first.
 * Work that got further before each loss goes on being tried.
 */
export async function survive<T>(
  session: Session,
  work: (context: GpuContext) => Promise<T>,
  onLost: (error: DeviceLostError) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(await session.context());
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      if (onLost(error)) attempt = 0;
      else if (attempt >= ATTEMPTS) throw error;
    }
  }
}
