/** Seconds that a rate is measured over. */
const WINDOW = 5;

/** How many a second, over the last few. */
export class Rate {
  #seen: { readonly time: number; readonly count: number }[] = [];

  saw(count: number, timeMs: number = performance.now()): void {
    this.#seen.push({ time: timeMs / 1000, count });
    const first = this.#seen.findIndex(({ time }) => time > timeMs / 1000 - WINDOW);
    if (first > 1) this.#seen = this.#seen.slice(first - 1);
  }

  /** Undefined before there is anything to measure. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (!first || !last || last.time <= first.time) return undefined;
    return (last.count - first.count) / (last.time - first.time);
  }
}
