import { Chart, type Curve } from '../chart.ts';
import { fill, h } from '../dom.ts';
import { type Call, complaint, type Engine } from '../engine.ts';
import { exportButtons } from '../export.ts';
import type { RaceEvent } from '../protocol.ts';
import { wantsStillness } from '../theme.ts';
import { EntrantsForm } from './entrants.ts';
import { LandscapeView } from './landscape.ts';
import { ProblemForm, problemOf, problemTask, problemValues, surfaceOf } from './problems.ts';
import { type Progress, showStandings, verdict } from './standings.ts';

/** A race is shown over at least this time, however fast it was run. */
const SHOWN_MS = 2500;
const GRID = 160;

/** The view in which optimizers run side by side. */
export class RaceView {
  readonly element: HTMLElement;
  readonly #engine: Engine;
  readonly #problem: ProblemForm;
  readonly #entrants: EntrantsForm;
  readonly #chart = new Chart(
    { title: 'The race', x: 'step', y: 'loss', axis: 'losses' },
    'Loss against step, mean over held-out tasks that all of them run on; bands: one standard deviation over tasks.',
  );
  readonly #landscape = new LandscapeView();
  readonly #standings = h('div', { class: 'standings' });
  readonly #notice = h('div', { class: 'notices' });
  readonly #status = h('p', { class: 'status', role: 'status' }, 'Choose who runs, and press race.');
  readonly #go = h('button', { class: 'primary', onclick: () => this.#start() }, 'Race');
  #progress = new Map<string, Progress>();
  #horizon = 0;
  #call: Call<null> | undefined;
  #startedAt = 0;

  /** @param onSettings hears of every choice */
  constructor(engine: Engine, onSettings: () => void) {
    this.#engine = engine;
    this.#problem = new ProblemForm(onSettings);
    this.#entrants = new EntrantsForm(
      engine,
      () => {
        fill(this.#notice);
        onSettings();
      },
      (error) => this.#complain(error),
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
          this.#entrants.element,
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
    this.element.addEventListener(
      'drop',
      (event) => void this.#entrants.take(event.dataTransfer?.files ?? null),
    );
    this.#landscape.element.hidden = true;
  }

  /** The problem, and who runs where that was chosen: a link with these is this race. */
  get values(): URLSearchParams {
    const values = problemValues(this.#problem.problem);
    for (const [name, value] of this.#entrants.values) values.append(name, value);
    return values;
  }

  choose(values: URLSearchParams): void {
    this.#problem.problem = problemOf(values);
    this.#entrants.choose(values);
  }

  /** Looks which weights there are now. */
  async refresh(): Promise<void> {
    await this.#entrants.refresh().catch((error: unknown) => this.#complain(error));
  }

  #complain(error: unknown): void {
    fill(this.#notice, complaint(error));
  }

  #start(): void {
    this.#call?.cancel();
    const { problem } = this.#problem;
    const { runners } = this.#entrants;
    if (runners.length === 0) {
      fill(this.#status, 'Nobody runs: choose at least one optimizer.');
      return;
    }
    this.#entrants.settle();
    const fresh = { tuned: 0, setting: '', part: undefined, end: undefined, failure: undefined };
    this.#progress = new Map(runners.map((runner) => [runner.key, { runner, ...fresh }]));
    fill(this.#notice);
    fill(this.#standings);
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
    this.#horizon = horizon;
    const entrants = runners.map(({ entrant }) => entrant);
    const args = { task: problemTask(problem), seed, tasks, horizon, entrants };
    const call = this.#engine.call('race', args, (event) => {
      if (this.#call === call) this.#hear(event);
    });
    this.#call = call;
    call.result.then(
      () => this.#call === call && this.#reveal(true),
      (error: unknown) => {
        if (this.#call !== call) return;
        this.#call = undefined;
        this.#complain(error);
        fill(this.#status, 'Choose who runs, and press race.');
        this.element.dataset['state'] = 'done';
      },
    );
    this.#reveal(false);
  }

  #hear(event: RaceEvent): void {
    if (event.kind === 'data') {
      fill(this.#status, `Loading the data: ${Math.round(100 * event.share)} %`);
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
    const tuned = [...this.#progress.values()].flatMap(({ runner, tuned: share }) =>
      share > 0 ? [`${runner.label} ${Math.round(100 * share)} %`] : [],
    );
    fill(this.#status, `Tuning learning rates on other tasks: ${tuned.join(', ')}`);
  }

  /** Shows as many steps as time has passed for, until all are there. */
  #reveal(ended: boolean): void {
    const horizon = this.#horizon;
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
    const horizon = this.#horizon;
    const cut = (values: readonly number[]) => values.slice(0, steps + 1);
    const running = [...this.#progress.values()].flatMap(({ runner, part }) =>
      part ? [{ runner, part }] : [],
    );
    const curves = running.map(({ runner, part: { band } }): Curve => {
      const { key, label, color, dash, width } = runner;
      const [mean, low, high] = [cut(band.mean), cut(band.low), cut(band.high)];
      return { key, label, color, dash, width, mean, low, high };
    });
    const x = Array.from({ length: steps + 1 }, (_, step) => step);
    this.#chart.show({ x, last: horizon, curves: curves.reverse() });
    if (!this.#landscape.element.hidden) {
      const tracks = running.map(({ runner, part }) => ({ ...runner, paths: part.paths ?? [] }));
      this.#landscape.show(tracks, steps);
    }
    if (this.#startedAt > 0) fill(this.#status, `Step ${steps} of ${horizon}`);
  }

  #finish(): void {
    const all = [...this.#progress.values()];
    fill(this.#status, verdict(all, this.#horizon));
    showStandings(this.#standings, all);
    this.element.dataset['state'] = 'done';
  }
}
