import { formatBytes, formatCount, formatLoss, formatSeconds } from '../../report/format.ts';
import { learnSettings, learnValues } from '../address.ts';
import { fill, h } from '../dom.ts';
import { type Call, type Engine, EngineError } from '../engine.ts';
import { type LearnSettings, trainInput } from '../presets.ts';
import type { BaselineCurve, SavedRun, TrainEvent, TrainOutcome, ValidationPoint } from '../protocol.ts';
import { LearnCharts } from './learnCharts.ts';
import { LearnForm } from './learnForm.ts';
import { Rate } from './rate.ts';

type State = 'idle' | 'running' | 'pausing' | 'paused' | 'done';

/** The view in which an optimizer is trained. */
export class LearnView {
  readonly element: HTMLElement;
  /** Told when there are better weights than before. */
  onBest: (() => void) | undefined;
  readonly #engine: Engine;
  readonly #form: LearnForm;
  readonly #charts = new LearnCharts();
  readonly #primary = h('button', { class: 'primary', onclick: () => this.#press() });
  readonly #again = h('button', { onclick: () => this.#forget() }, 'Start over');
  readonly #status = h('p', { class: 'status', role: 'status' });
  readonly #facts = h('dl', { class: 'facts' });
  readonly #notice = h('div', { class: 'notices' });
  readonly #bar = h('progress', { max: 1, value: 0, 'aria-label': 'Share of the training that is done' });
  #state: State = 'idle';
  #call: Call<TrainOutcome> | undefined;
  #baselineCall: Call<null> | undefined;
  #plan: Extract<TrainEvent, { kind: 'plan' }> | undefined;
  #losses: number[] = [];
  #validations: ValidationPoint[] = [];
  #rate = new Rate();
  #kept = 0;

  constructor(engine: Engine, values: URLSearchParams, onSettings: (values: URLSearchParams) => void) {
    this.#engine = engine;
    this.#form = new LearnForm(learnSettings(values), (settings) => {
      this.#resetCharts(settings);
      onSettings(learnValues(settings));
    });
    this.element = h(
      'section',
      { class: 'view learn' },
      h(
        'div',
        { class: 'lead' },
        h('h1', {}, 'Watch an LSTM learn to optimise'),
        h(
          'p',
          {},
          'One tiny LSTM, shared by every coordinate, practises gradient descent on thousands of small problems. Press start: its curve moves towards, and then past, those of SGD and Adam.',
        ),
      ),
      h(
        'div',
        { class: 'columns' },
        h(
          'div',
          { class: 'controls' },
          this.#form.element,
          h('div', { class: 'buttons' }, this.#primary, this.#again),
        ),
        h(
          'div',
          { class: 'results' },
          this.#notice,
          this.#status,
          this.#bar,
          this.#charts.heldOut.element,
          this.#facts,
          this.#charts.metaLoss.element,
        ),
      ),
    );
    this.#set('idle');
    this.#resetCharts(this.#form.settings);
  }

  /** Offers to go on with what was left here. */
  async offerSaved(): Promise<void> {
    const saved = await this.#engine.call('saved', null).result;
    if (!saved || this.#state !== 'idle' || saved.iteration >= saved.iterations) return;
    const done = `${formatCount(saved.iteration)} of ${formatCount(saved.iterations)} meta-iterations`;
    const resume = h('button', { class: 'primary', onclick: () => this.#resumeSaved(saved) }, 'Resume it');
    const drop = h('button', { onclick: () => this.#forget() }, 'Forget it');
    fill(
      this.#notice,
      h('div', { class: 'notice' }, h('p', {}, `A run was left here after ${done}.`), resume, drop),
    );
  }

  #resumeSaved(saved: SavedRun): void {
    this.#form.settings = saved.settings;
    this.#losses = [...saved.losses];
    this.#validations = [...saved.validations];
    this.#kept = saved.iteration;
    this.#resetCharts(saved.settings);
    this.#start(true);
  }

  #resetCharts({ iterations, horizon, unroll }: LearnSettings): void {
    this.#charts.reset(iterations, horizon / unroll);
  }

  #press(): void {
    if (this.#state === 'running') {
      this.#set('pausing');
      this.#call?.cancel();
    } else if (this.#state === 'paused') this.#start(true);
    else if (this.#state === 'idle' || this.#state === 'done') {
      this.#losses = [];
      this.#validations = [];
      this.#kept = 0;
      this.#resetCharts(this.#form.settings);
      this.#start(false);
    }
  }

  #forget(): void {
    this.#call?.cancel();
    this.#baselineCall?.cancel();
    this.#call = undefined;
    this.#losses = [];
    this.#validations = [];
    this.#resetCharts(this.#form.settings);
    fill(this.#notice);
    this.#set('idle');
    void this.#engine.call('forget', null).result;
  }

  #start(resume: boolean): void {
    const { settings } = this.#form;
    fill(this.#notice);
    this.#rate = new Rate();
    this.#set('running');
    const input = trainInput(settings);
    const call = this.#engine.call('train', { settings, input, resume }, (event) => {
      if (this.#call === call) this.#hear(event);
    });
    this.#call = call;
    this.#charts.showHistory(this.#validations, this.#losses);
    call.result.then(
      (outcome) => this.#call === call && this.#ended(outcome),
      (error: unknown) => this.#call === call && this.#failed(error),
    );
    if (this.#charts.baselines.length < 2) this.#tune(settings);
  }

  #tune(settings: LearnSettings): void {
    this.#baselineCall?.cancel();
    const args = { input: trainInput(settings), names: ['adam', 'sgd'] } as const;
    const call = this.#engine.call('baselines', args, (curve: BaselineCurve) => {
      if (this.#baselineCall === call) this.#charts.addBaseline(curve);
    });
    this.#baselineCall = call;
    call.result.catch((error: unknown) => this.#complain(error));
  }

  #hear(event: TrainEvent): void {
    switch (event.kind) {
      case 'data':
        fill(this.#status, `Loading the digits: ${Math.round(100 * event.share)} %`);
        break;
      case 'plan':
        this.#plan = event;
        break;
      case 'steps':
        this.#losses = [...this.#losses.slice(0, event.first), ...event.losses];
        this.#rate.saw(this.#losses.length);
        break;
      case 'validation':
        this.#validations = [
          ...this.#validations.filter((p) => p.iteration < event.point.iteration),
          event.point,
        ];
        this.#say(event.point);
        if (event.point.isBest) this.onBest?.();
        break;
      case 'kept':
        this.#kept = event.iteration;
        break;
      case 'recovered':
        this.#losses.length = Math.min(this.#losses.length, event.iteration);
        this.#rate = new Rate();
        fill(
          this.#notice,
          h(
            'p',
            { class: 'notice' },
            `The GPU went away and came back; the run went on from meta-iteration ${formatCount(event.iteration)}.`,
          ),
        );
        break;
    }
    this.#charts.showHistory(this.#validations, this.#losses);
    this.#showFacts();
  }

  #ended({ stopped }: TrainOutcome): void {
    this.#call = undefined;
    if (stopped === 'not-finite') {
      const text =
        'Too many meta-steps in a row were not finite: the best weights are kept. Try a smaller meta learning rate.';
      fill(this.#notice, h('p', { class: 'notice' }, text));
    }
    this.#set(stopped === 'asked' ? 'paused' : 'done');
  }

  #failed(error: unknown): void {
    this.#call = undefined;
    this.#complain(error);
    this.#set(this.#kept > 0 ? 'paused' : 'idle');
  }

  #complain(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof EngineError && error.remedy ? ` To go on: ${error.remedy}.` : '';
    fill(this.#notice, h('p', { class: 'notice', role: 'alert' }, `${text}.${remedy}`));
  }

  /** One sentence on where the optimizer stands. */
  #say({ iteration, mean }: ValidationPoint): void {
    const at = (curve: readonly number[]) => curve.at(-1) ?? Number.NaN;
    const learned = at(mean);
    const rivals = this.#charts.baselines.map(({ name, mean: losses }) => ({
      name: name === 'adam' ? 'Adam' : 'SGD',
      loss: at(losses),
    }));
    const beaten = rivals.filter(({ loss }) => learned < loss).map(({ name }) => name);
    const against = rivals.map(({ name, loss }) => `${name} ${formatLoss(loss)}`).join(', ');
    const verdict = beaten.length > 0 ? ` It is past ${beaten.reverse().join(' and ')}.` : '';
    const when = iteration === 0 ? 'Before training' : `After ${formatCount(iteration)} meta-iterations`;
    const text = `${when}: loss ${formatLoss(learned)} at step ${mean.length - 1}${against === '' ? '.' : `; ${against}.`}${verdict}`;
    fill(this.#status, text);
  }

  #set(state: State): void {
    this.#state = state;
    const labels: Record<State, string> = {
      idle: 'Start',
      running: 'Pause',
      pausing: 'Pausing',
      paused: 'Resume',
      done: 'Train again',
    };
    fill(this.#primary, labels[state]);
    this.#primary.disabled = state === 'pausing';
    this.#again.hidden = state !== 'paused';
    this.#form.enabled = state === 'idle' || state === 'done';
    this.element.dataset['state'] = state;
    if (state === 'idle') fill(this.#status, 'Nothing is running yet.');
    this.#showFacts();
  }

  #showFacts(): void {
    const { iterations } = this.#form.settings;
    const done = this.#losses.length;
    this.#bar.value = iterations > 0 ? Math.min(1, done / iterations) : 0;
    this.#bar.hidden = this.#state === 'idle';
    const rate = this.#state === 'running' ? this.#rate.perSecond : undefined;
    const left = rate && rate > 0 ? formatSeconds(Math.round((iterations - done) / rate)) : '';
    const facts: [string, string][] = [
      ['Meta-iterations', `${formatCount(done)} of ${formatCount(iterations)}`],
      ['A second', rate ? rate.toPrecision(3) : ''],
      ['Time left', left],
      ['Weights', this.#plan ? formatCount(this.#plan.weights) : ''],
      ['GPU memory', this.#plan ? formatBytes(this.#plan.bytes) : ''],
    ];
    fill(
      this.#facts,
      ...facts
        .filter(([, value]) => value !== '')
        .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    );
    this.element.dataset['iteration'] = String(done);
  }
}
