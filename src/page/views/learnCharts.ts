import { Chart, type Curve, type Drawing } from '../chart.ts';
import type { BaselineCurve, ValidationPoint } from '../protocol.ts';

/** Earlier validations that stay visible. */
const GHOSTS = 6;
/** Points of the meta-loss that are drawn. */
const POINTS = 600;

const BASELINE_STYLES = {
  sgd: { label: 'SGD', color: 'green', dash: [2, 2.5], width: 1.75 },
  adam: { label: 'Adam', color: 'blue', dash: [7, 3], width: 1.75 },
} as const;
const LEARNED = { label: 'Learned, now', color: 'vermillion', dash: [], width: 3.25 } as const;

/** Both charts of the view Learn. */
export class LearnCharts {
  readonly heldOut = new Chart(
    { title: 'On tasks it has never practised on', x: 'step', y: 'loss', axis: 'losses' },
    'Loss against step, mean over held-out tasks; band: one standard deviation. Thin lines: the same optimizer earlier in its training. SGD and Adam have the best learning rates for these very tasks.',
  );
  readonly metaLoss = new Chart(
    { title: 'Meta-loss', x: 'meta-iteration', y: 'meta-loss', axis: 'series' },
    'What training brings down: the loss averaged over the steps of an episode, on new tasks every time.',
  );
  #baselines: readonly BaselineCurve[] = [];
  #validations: readonly ValidationPoint[] = [];
  #losses: readonly number[] = [];
  #iterations = 1;
  #unrolls = 1;

  /** @param unrolls of an episode: losses fall along it, so only whole ones are comparable */
  reset(iterations: number, unrolls: number): void {
    this.#iterations = iterations;
    this.#unrolls = Math.max(1, Math.floor(unrolls));
    this.#baselines = [];
    this.#validations = [];
    this.#losses = [];
    this.#draw();
  }

  showHistory(validations: readonly ValidationPoint[], losses: readonly number[]): void {
    this.#validations = validations;
    this.#losses = losses;
    this.#draw();
  }

  addBaseline(curve: BaselineCurve): void {
    this.#baselines = [...this.#baselines.filter(({ name }) => name !== curve.name), curve];
    this.#draw();
  }

  get baselines(): readonly BaselineCurve[] {
    return this.#baselines;
  }

  #draw(): void {
    this.heldOut.show(this.#heldOutDrawing());
    this.metaLoss.show(metaLossDrawing(this.#losses, this.#iterations, this.#unrolls));
  }

  #heldOutDrawing(): Drawing {
    const now = this.#validations.at(-1);
    const earlier = spread(this.#validations.slice(0, -1), GHOSTS);
    const ghosts = Array.from({ length: GHOSTS }, (_, index): Curve => {
      const mean = earlier[index]?.mean ?? [];
      return { key: `ghost ${index}`, label: '', color: 'axis', dash: [], width: 1, mean, quiet: true };
    });
    const baselines = this.#baselines.map(
      ({ name, mean }): Curve => ({ key: name, ...BASELINE_STYLES[name], mean }),
    );
    const learned = now && { key: 'learned', ...LEARNED, mean: now.mean, low: now.low, high: now.high };
    const length = now?.mean.length ?? baselines[0]?.mean.length ?? 0;
    return {
      x: Array.from({ length }, (_, step) => step),
      curves: [...ghosts, ...baselines, ...(learned ? [learned] : [])],
    };
  }
}

/** At most `count` of a list, evenly spread over it. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from(
    { length: count },
    (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))],
  ).filter((item): item is T => item !== undefined);
}

/** Means over whole episodes, over so many that the line stays short. */
export function metaLossDrawing(losses: readonly number[], iterations: number, unrolls: number): Drawing {
  const each = unrolls * Math.max(1, Math.ceil(losses.length / unrolls / POINTS));
  const count = Math.floor(losses.length / each);
  const mean = Array.from({ length: count }, (_, i) => {
    const part = losses.slice(i * each, (i + 1) * each).filter(Number.isFinite);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const smooth = movingMean(mean, Math.max(1, Math.round(count / 25)));
  const x = Array.from({ length: count }, (_, i) => (i + 1) * each);
  return {
    x,
    last: iterations,
    curves: [
      { key: 'each', label: 'Meta-loss', color: 'muted', dash: [], width: 0.75, mean, quiet: true },
      {
        key: 'smooth',
        label: 'Meta-loss, smoothed',
        color: 'vermillion',
        dash: [],
        width: 2.5,
        mean: smooth,
      },
    ],
  };
}

/** The mean of the last `width` values at each place, NaN passed over. */
function movingMean(values: readonly number[], width: number): number[] {
  return values.map((_, index) => {
    const part = values.slice(Math.max(0, index - width + 1), index + 1).filter(Number.isFinite);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
