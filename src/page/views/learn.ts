import { formatBytes, formatCount, formatLoss, formatSeconds } from '../../report/format.ts';
import { learnSettings, learnValues } from '../address.ts';
import { fill, h } from '../dom.ts';
import { type Call, complaint, type Engine } from '../engine.ts';
import { exportButtons, saveWeights } from '../export.ts';
import { type LearnSettings, trainInput } from '../presets.ts';
import type { BaselineCurve, SavedRun, TrainEvent, TrainOutcome, ValidationPoint } from '../protocol.ts';
import { LearnCharts } from './learnCharts.ts';
import { LearnForm } from './learnForm.ts';
import { Rate } from './rate.ts';

type State = 'idle' | 'running' | 'pausing' | 'stopping' | 'paused' | 'done';

/** The view in which an optimizer is trained. */
export class LearnView {
  readonly element: HTMLElement;
  /** Told when there are better weights than before. */
  onBest: (() => void) | undefined;
  readonly #engine: Engine;
  readonly #onSettings: () => void;
  readonly #form: LearnForm;
  readonly #charts = new LearnCharts();
  readonly #primary = h('button', { class: 'primary', onclick: () => this.#press() });
  readonly #stop = h('button', { onclick: () => this.#end() }, 'Stop');
  readonly #next = h('p', { class: 'next' });
  readonly #status = h('p', { class: 'status', role: 'status' });
  readonly #facts = h('dl', { class: 'facts' });
  readonly #notice = h('div', { class: 'notices' });
  /** Of the baselines, which are tuned beside the run: what is said of one does not take the other's place. */
  readonly #aside = h('div', { class: 'notices' });
  readonly #bar = h('progress', { max: 1, value: 0, 'aria-label': 'Share of the training that is done' });
  #state: State = 'idle';
  #call: Call<TrainOutcome> | undefined;
  #baselineCall: Call<null> | undefined;
  #plan: Extract<TrainEvent, { kind: 'plan' }> | undefined;
  #losses: number[] = [];
  #validations: ValidationPoint[] = [];
  #rate = new Rate();
  #kept = 0;

  /** @param onSettings hears of every choice */
  constructor(engine: Engine, onSettings: () => void) {
    this.#engine = engine;
    this.#onSettings = onSettings;
    this.#form = new LearnForm(learnSettings(new URLSearchParams()), (settings) => {
      this.#resetCharts(settings);
      onSettings();
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
          h('div', { class: 'buttons' }, this.#primary, this.#stop),
        ),
        h(
          'div',
          { class: 'results' },
          this.#notice,
          this.#aside,
          this.#status,
          this.#bar,
          this.#next,
          this.#charts.heldOut.element,
          exportButtons(this.#charts.heldOut, 'held-out'),
          this.#facts,
          this.#charts.metaLoss.element,
          exportButtons(this.#charts.metaLoss, 'meta-loss'),
        ),
      ),
    );
    this.#set('idle');
    this.#resetCharts(this.#form.settings);
  }

  /** The settings: a link with these is this run. */
  get values(): URLSearchParams {
    return learnValues(this.#form.settings);
  }

  /** Takes up an address's settings, unless a run has its own. */
  choose(values: URLSearchParams): void {
    if (this.#state !== 'idle' && this.#state !== 'done') return;
    this.#form.settings = learnSettings(values);
    this.#resetCharts(this.#form.settings);
  }

  /** Offers to go on with what was left here. */
  async offerSaved(): Promise<void> {
    const saved = await this.#engine.call('saved', null).result.catch((error: unknown) => {
      this.#complain(error);
      return null;
    });
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
    this.#onSettings();
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

  /** The run is over; what it has learned stays. */
  #end(): void {
    if (this.#state === 'paused') this.#set('done');
    else {
      this.#set('stopping');
      this.#call?.cancel();
    }
  }

  #forget(): void {
    fill(this.#notice);
    this.#engine.call('forget', null).result.catch((error: unknown) => this.#complain(error));
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
    fill(this.#aside);
    call.result.catch((error: unknown) => {
      if (this.#baselineCall !== call) return;
      const why = error instanceof Error ? error.message : String(error);
      fill(this.#aside, h('p', { class: 'notice' }, `Adam and SGD are not drawn, as ${why}.`));
    });
  }

  #hear(event: TrainEvent): void {
    switch (event.kind) {
      case 'data':
        fill(this.#status, `Loading the data: ${Math.round(100 * event.share)} %`);
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
        this.#showNext();
        if (event.point.isBest) this.onBest?.();
        break;
      case 'kept':
        this.#kept = event.iteration;
        break;
      case 'not-kept':
        this.#kept = event.iteration;
        this.#note(
          `This browser keeps nothing of the run (${event.why}): it is lost when the page is closed.`,
        );
        break;
      case 'recovered': {
        this.#losses.length = Math.min(this.#losses.length, event.iteration);
        this.#rate = new Rate();
        const what =
          event.from === 'loss' ? 'The GPU went away and came back' : 'The GPU’s memory ran out on the way';
        this.#note(`${what}; the run went on from meta-iteration ${formatCount(event.iteration)}.`);
        // Their tuning, which never goes on by itself after that, may have been in the way of it too.
        if (event.from === 'memory' && this.#charts.baselines.length < 2) this.#tune(this.#form.settings);
        break;
      }
    }
    this.#charts.showHistory(this.#validations, this.#losses);
    this.#showFacts();
  }

  #ended({ stopped }: TrainOutcome): void {
    this.#call = undefined;
    if (stopped === 'not-finite') {
      this.#note(
        'Too many meta-steps in a row were not finite: the best weights are kept. Try a smaller meta learning rate.',
      );
    }
    this.#set(stopped === 'asked' && this.#state !== 'stopping' ? 'paused' : 'done');
  }

  #failed(error: unknown): void {
    this.#call = undefined;
    this.#complain(error);
    this.#set(this.#kept > 0 ? 'paused' : 'idle');
  }

  #note(text: string): void {
    fill(this.#notice, h('p', { class: 'notice' }, text));
  }

  #complain(error: unknown): void {
    fill(this.#notice, complaint(error));
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
      stopping: 'Stopping',
      paused: 'Resume',
      done: 'Train again',
    };
    fill(this.#primary, labels[state]);
    this.#primary.disabled = state === 'pausing' || state === 'stopping';
    this.#stop.hidden = state !== 'running' && state !== 'paused';
    this.#showNext();
    this.#form.enabled = state === 'idle' || state === 'done';
    this.element.dataset['state'] = state;
    if (state === 'idle') fill(this.#status, 'Nothing is running yet.');
    this.#showFacts();
  }

  /** What to do with what was learned, once there is something. */
  #showNext(): void {
    this.#next.hidden = this.#validations.length === 0;
    const save = () => {
      saveWeights(this.#engine, 'trained', 'trained').catch((error: unknown) => this.#complain(error));
    };
    fill(
      this.#next,
      h('a', { href: '#race' }, 'Race its best weights'),
      h('a', { href: '#gates' }, 'Look at its gates'),
      h('button', { class: 'link', onclick: save }, 'Save the weights'),
    );
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
