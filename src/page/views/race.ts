import type { HandDesignedName } from '../../host/index.ts';
import { formatLoss, formatPlusMinus } from '../../report/format.ts';
import { Chart, type ColorName, type Curve, swatch } from '../chart.ts';
import { fill, h } from '../dom.ts';
import type { Call, Engine } from '../engine.ts';
import { exportButtons } from '../export.ts';
import type { Entrant, RaceEvent, WeightsInfo } from '../protocol.ts';
import { wantsStillness } from '../theme.ts';
import { LandscapeView } from './landscape.ts';
import { ProblemForm, problemOf, problemTask, problemValues, surfaceOf } from './problems.ts';

interface Runner {
  readonly key: string;
  readonly label: string;
  readonly color: ColorName;
  readonly dash: readonly number[];
  readonly width: number;
  entrant(): Entrant;
}

/** What is known of a runner so far. */
/** Who arrived, with the mean loss at the end. */
interface Arrival {
  readonly runner: Runner;
  readonly final: number;
}

interface Progress {
  /** The share of its tuning that is done. */
  tuned: number;
  setting: string;
  part: Extract<RaceEvent, { kind: 'part' }> | undefined;
  end: Extract<RaceEvent, { kind: 'end' }> | undefined;
  failure: string | undefined;
}

const HAND: readonly (readonly [HandDesignedName, string, ColorName, readonly number[]])[] = [
  ['sgd', 'SGD', 'green', [2, 2.5]],
  ['momentum', 'Momentum', 'sky', [4, 2]],
  ['rmsprop', 'RMSprop', 'orange', [9, 3, 2, 3]],
  ['adam', 'Adam', 'blue', [7, 3]],
];
const LEARNED: readonly (readonly [ColorName, readonly number[]])[] = [
  ['vermillion', []],
  ['purple', [10, 3]],
  ['ink', [10, 3, 2, 3]],
];
/** A race is shown over at least this time, however fast it was run. */
const SHOWN_MS = 2500;
const GRID = 160;

/** The view in which optimizers run side by side. */
export class RaceView {
  readonly element: HTMLElement;
  readonly #engine: Engine;
  readonly #problem: ProblemForm;
  readonly #chart = new Chart(
    { title: 'The race', x: 'step', y: 'loss', axis: 'losses' },
    'Loss against step, mean over held-out tasks that all of them run on; bands: one standard deviation over tasks.',
  );
  readonly #landscape = new LandscapeView();
  readonly #list = h('fieldset', { class: 'entrants' });
  readonly #standings = h('div', { class: 'standings' });
  readonly #notice = h('div', { class: 'notices' });
  readonly #status = h('p', { class: 'status', role: 'status' }, 'Choose who runs, and press race.');
  readonly #go = h('button', { class: 'primary', onclick: () => this.#start() }, 'Race');
  readonly #chosen = new Set<string>(['adam', 'sgd']);
  /** log10 of a hand-designed optimizer's learning rate; absent where it is tuned. */
  readonly #rates = new Map<string, number>();
  #weights: readonly WeightsInfo[] = [];
  #known = new Set<string>();
  #runners: readonly Runner[] = [];
  #progress = new Map<string, Progress>();
  #call: Call<null> | undefined;
  #startedAt = 0;

  constructor(engine: Engine, values: URLSearchParams, onSettings: (values: URLSearchParams) => void) {
    this.#engine = engine;
    this.#problem = new ProblemForm(problemOf(values), (problem) => onSettings(problemValues(problem)));
    const file = h('input', {
      type: 'file',
      accept: '.safetensors',
      onchange: () => void this.#take(file.files),
    });
    const drop = h(
      'label',
      { class: 'drop' },
      h('span', {}, 'Add weights: drop a .safetensors file here, or choose one'),
      file,
    );
    this.element = h(
      'section',
      { class: 'view race' },
      h(
        'div',
        { class: 'lead' },
        h('h1', {}, 'Race them'),
        h(
          'p',
          {},
          'Learned optimizers against hand-designed ones, on problems that none of them has seen. Change the activation, the width, the horizon: that is where learned ones show what they have really learned.',
        ),
      ),
      h(
        'div',
        { class: 'columns' },
        h(
          'div',
          { class: 'controls' },
          this.#problem.element,
          this.#list,
          drop,
          h('div', { class: 'buttons' }, this.#go),
        ),
        h(
          'div',
          { class: 'results' },
          this.#notice,
          this.#status,
          this.#landscape.element,
          this.#chart.element,
          exportButtons(this.#chart, 'race'),
          this.#standings,
        ),
      ),
    );
    for (const name of ['dragover', 'drop'])
      this.element.addEventListener(name, (event) => event.preventDefault());
    this.element.addEventListener('drop', (event) => void this.#take(event.dataTransfer?.files ?? null));
    this.#landscape.element.hidden = true;
    this.#render();
  }

  /** Looks which weights there are now. */
  async refresh(): Promise<void> {
    this.#weights = await this.#engine.call('weights', null).result;
    for (const { id, origin } of this.#weights) {
      if (!this.#known.has(id) && (origin === 'trained' || this.#known.size < 2)) this.#chosen.add(id);
      this.#known.add(id);
    }
    this.#render();
  }

  async #take(files: FileList | null): Promise<void> {
    for (const file of files ?? []) {
      try {
        const bytes = new Uint8Array(await file.arrayBuffer());
        const { id } = await this.#engine.call('load', { name: file.name, bytes }).result;
        this.#chosen.add(id);
        fill(this.#notice);
      } catch (error) {
        this.#complain(error);
      }
    }
    await this.refresh();
  }

  #complain(error: unknown): void {
    fill(
      this.#notice,
      h(
        'p',
        { class: 'notice', role: 'alert' },
        error instanceof Error ? `${error.message}.` : String(error),
      ),
    );
  }

  #all(): Runner[] {
    const learned = this.#weights.map(({ id, label }, index): Runner => {
      const [color, dash] = LEARNED[index % LEARNED.length] ?? ['vermillion', []];
      return { key: id, label, color, dash, width: 3.25, entrant: () => ({ key: id, kind: 'weights', id }) };
    });
    const hand = HAND.map(([name, label, color, dash]): Runner => {
      const learningRate = () => {
        const log = this.#rates.get(name);
        return log === undefined ? undefined : 10 ** log;
      };
      return {
        key: name,
        label,
        color,
        dash,
        width: 1.75,
        entrant: () => ({ key: name, kind: 'hand', name, learningRate: learningRate() }),
      };
    });
    return [...learned, ...hand];
  }

  #render(): void {
    const rows = this.#all().map((runner) => {
      const { key, label } = runner;
      const box = h('input', {
        type: 'checkbox',
        value: key,
        checked: this.#chosen.has(key),
        onchange: () => {
          if (box.checked) this.#chosen.add(key);
          else this.#chosen.delete(key);
        },
      });
      const info = this.#weights.find(({ id }) => id === key);
      return h(
        'div',
        { class: 'entrant' },
        h('label', {}, box, swatch(runner), label),
        info ? this.#weightsRow(info) : this.#rateRow(key, label),
      );
    });
    fill(this.#list, h('legend', {}, 'Who runs'), ...rows);
  }

  #weightsRow({ id, optimizer, task, iteration, label }: WeightsInfo): HTMLElement {
    const save = async () => {
      const bytes = await this.#engine.call('export', { id }).result;
      const link = h('a', {
        download: `${label.replace(/\W+/g, '-')}.safetensors`,
        href: URL.createObjectURL(new Blob([new Uint8Array(bytes)])),
      });
      link.click();
      URL.revokeObjectURL(link.href);
    };
    const text = `${optimizer.kind}, ${iteration} meta-iterations on ${task.kind}`;
    return h('small', {}, `${text} `, h('button', { class: 'link', onclick: () => void save() }, 'Save'));
  }

  #rateRow(key: string, label: string): HTMLElement {
    const log = this.#rates.get(key);
    const text = log === undefined ? 'tuned' : formatLoss(10 ** log, 2);
    const shown = h('output', {}, text);
    const slider = h('input', {
      type: 'range',
      min: -4,
      max: 1,
      step: 0.05,
      value: log ?? -2,
      'aria-label': `Learning rate of ${label}, as a power of ten`,
      oninput: () => {
        this.#rates.set(key, slider.valueAsNumber);
        fill(shown, formatLoss(10 ** slider.valueAsNumber, 2));
      },
    });
    const tune = h(
      'button',
      {
        class: 'link',
        'aria-label': `Tune ${label}`,
        onclick: () => {
          this.#rates.delete(key);
          fill(shown, 'tuned');
        },
      },
      'Tune',
    );
    return h('small', { class: 'rate' }, 'rate', slider, shown, tune);
  }

  #start(): void {
    this.#call?.cancel();
    const { problem } = this.#problem;
    this.#runners = this.#all().filter(({ key }) => this.#chosen.has(key));
    if (this.#runners.length === 0) {
      fill(this.#status, 'Nobody runs: choose at least one optimizer.');
      return;
    }
    this.#progress = new Map(
      this.#runners.map(({ key }) => [
        key,
        { tuned: 0, setting: '', part: undefined, end: undefined, failure: undefined },
      ]),
    );
    fill(this.#notice);
    fill(this.#status, 'Getting ready: learning rates are tuned on other tasks first.');
    this.element.dataset['state'] = 'running';
    this.#startedAt = 0;
    const surface = surfaceOf(problem);
    this.#landscape.element.hidden = !surface;
    if (surface) {
      this.#engine.call('landscape', { surface, size: GRID }).result.then(
        (landscape) => {
          this.#landscape.landscape = landscape;
        },
        (error: unknown) => this.#complain(error),
      );
    }
    const { seed, tasks, horizon } = problem;
    const args = {
      task: problemTask(problem),
      seed,
      tasks,
      horizon,
      entrants: this.#runners.map((runner) => runner.entrant()),
    };
    const call = this.#engine.call('race', args, (event) => {
      if (this.#call === call) this.#hear(event);
    });
    this.#call = call;
    call.result.then(
      () => this.#call === call && this.#reveal(true),
      (error: unknown) => {
        if (this.#call !== call) return;
        this.#complain(error);
        this.element.dataset['state'] = 'done';
      },
    );
    this.#reveal(false);
  }

  #hear(event: RaceEvent): void {
    if (event.kind === 'data') {
      fill(this.#status, `Loading the digits: ${Math.round(100 * event.share)} %`);
      return;
    }
    if (event.kind === 'plan') return;
    const progress = this.#progress.get(event.key);
    if (!progress) return;
    if (event.kind === 'tuning') {
      progress.tuned = event.share;
      this.#sayTuning();
    } else if (event.kind === 'setting') progress.setting = event.text;
    else if (event.kind === 'part') progress.part = event;
    else if (event.kind === 'end') progress.end = event;
    else progress.failure = event.failure.message;
  }

  #sayTuning(): void {
    if (this.#startedAt > 0) return;
    const tuned = this.#runners.flatMap(({ key, label }) => {
      const share = this.#progress.get(key)?.tuned ?? 0;
      return share > 0 ? [`${label} ${Math.round(100 * share)} %`] : [];
    });
    fill(this.#status, `Tuning learning rates on other tasks: ${tuned.join(', ')}`);
  }

  /** Shows as many steps as time has passed for, until all are there. */
  #reveal(ended: boolean): void {
    const { horizon } = this.#problem.problem;
    const reached = [...this.#progress.values()].map(({ part, failure }) =>
      failure ? horizon : (part?.band.mean.length ?? 0) - 1,
    );
    const ready = Math.min(...reached);
    if (ready >= 0 && this.#startedAt === 0) this.#startedAt = performance.now();
    const passed = this.#startedAt === 0 ? 0 : (performance.now() - this.#startedAt) / SHOWN_MS;
    const steps = wantsStillness() ? ready : Math.min(ready, Math.floor(passed * horizon));
    this.#show(steps);
    if (ended && steps >= horizon) {
      this.#finish();
      return;
    }
    const call = this.#call;
    requestAnimationFrame(() => {
      if (this.#call === call) this.#reveal(ended || this.#allOver());
    });
  }

  #allOver(): boolean {
    return [...this.#progress.values()].every(({ end, failure }) => end || failure);
  }

  #show(steps: number): void {
    if (steps < 0) return;
    const cut = (values: readonly number[]) => values.slice(0, steps + 1);
    const running = this.#runners.flatMap((runner) => {
      const part = this.#progress.get(runner.key)?.part;
      return part ? [{ ...runner, part }] : [];
    });
    const curves = running.map(({ key, label, color, dash, width, part: { band } }): Curve => {
      return {
        key,
        label,
        color,
        dash,
        width,
        mean: cut(band.mean),
        low: cut(band.low),
        high: cut(band.high),
      };
    });
    const x = Array.from({ length: steps + 1 }, (_, step) => step);
    this.#chart.show({ x, last: this.#problem.problem.horizon, curves: [...curves].reverse() });
    if (surfaceOf(this.#problem.problem)) {
      this.#landscape.show(
        running.map((runner) => ({ ...runner, paths: runner.part.paths ?? [] })),
        steps,
      );
    }
    if (this.#startedAt > 0) fill(this.#status, `Step ${steps} of ${this.#problem.problem.horizon}`);
  }

  /** Losses that read alike are no win. */
  #verdict(first: Arrival, second: Arrival | undefined): string {
    const at = `${formatLoss(first.final)} at step ${this.#problem.problem.horizon}`;
    if (!second || !Number.isFinite(second.final)) return `${first.runner.label} wins: ${at}.`;
    const behind = formatLoss(second.final);
    return behind === formatLoss(first.final)
      ? `${first.runner.label} and ${second.runner.label} arrive together: ${at}.`
      : `${first.runner.label} wins: ${at}, ahead of ${second.runner.label} at ${behind}.`;
  }

  #finish(): void {
    const rows = this.#runners
      .flatMap((runner) => {
        const progress = this.#progress.get(runner.key);
        return progress
          ? [{ runner, ...progress, final: progress.end?.final ?? Number.POSITIVE_INFINITY }]
          : [];
      })
      .sort((a, b) => a.final - b.final);
    const [first, second] = rows;
    fill(this.#status, first?.end ? this.#verdict(first, second) : 'Nobody arrived.');
    fill(
      this.#standings,
      h(
        'table',
        {},
        h('caption', { class: 'hidden' }, 'Losses at the last step, best first'),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ...['Optimizer', 'Loss at the end', 'Runs with'].map((text) => h('th', { scope: 'col' }, text)),
          ),
        ),
        h(
          'tbody',
          {},
          ...rows.map(({ runner, end, setting, failure }) => {
            const diverged = end && end.diverged > 0 ? ` (${end.diverged} diverged)` : '';
            const loss = failure ?? (end ? `${formatPlusMinus(end.final, end.error)}${diverged}` : '');
            return h(
              'tr',
              {},
              h('th', { scope: 'row' }, swatch(runner), runner.label),
              h('td', {}, loss),
              h('td', {}, setting),
            );
          }),
        ),
      ),
    );
    this.element.dataset['state'] = 'done';
  }
}
