import type { GateRecording, OptimizerConfig } from '../../host/index.ts';
import { formatLoss } from '../../report/format.ts';
import { Chart, type Curve } from '../chart.ts';
import { fill, h } from '../dom.ts';
import type { Call, Engine } from '../engine.ts';
import { exportButtons } from '../export.ts';
import type { HeldGates, LearnedChoice, LossBand, WeightsInfo } from '../protocol.ts';
import { LADDER_TEXTS } from '../texts.ts';
import { wantsStillness } from '../theme.ts';
import { Equation, GATES, type GateKey } from './equation.ts';
import { ProblemForm, problemOf, problemTask, problemValues } from './problems.ts';

const EPISODES = 5;
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [4, 2]];
const KEYS = Object.keys(GATES) as GateKey[];
/** An LSTM that needs no training: all its gates are held. */
const PLAIN = 'plain';

/** The view of what happens inside: gates by step and layer, and what becomes of the curve when they are held. */
export class GatesView {
  readonly element: HTMLElement;
  readonly #engine: Engine;
  readonly #problem: ProblemForm;
  readonly #source = h('select', { name: 'source', onchange: () => this.#choose(this.#source.value) });
  readonly #text = h('p', { class: 'explanation' });
  readonly #switches = h('fieldset', { class: 'numbers' });
  readonly #equation = new Equation();
  readonly #notice = h('div', { class: 'notices' });
  readonly #status = h('p', { class: 'status', role: 'status' });
  readonly #gateCharts = h('div', { class: 'small-charts' });
  readonly #step = h('input', {
    type: 'range',
    min: 0,
    max: 99,
    value: 0,
    'aria-label': 'Step of the episode',
    oninput: () => this.#showStep(this.#step.valueAsNumber),
  });
  readonly #losses = new Chart(
    { title: 'Its curve beside SGD’s', x: 'step', y: 'loss', axis: 'losses' },
    'With every gate held, the LSTM’s curve is that of SGD, or of momentum, to the last bit.',
  );
  readonly #held = new Map<GateKey, number>();
  #weights: readonly WeightsInfo[] = [];
  #chosen = PLAIN;
  #recording: GateRecording | undefined;
  #calls: readonly Call<unknown>[] = [];
  #curves = new Map<string, LossBand>();
  #pending = 0;
  #playing = 0;

  constructor(engine: Engine, values: URLSearchParams, onSettings: (values: URLSearchParams) => void) {
    this.#engine = engine;
    this.#problem = new ProblemForm({ ...problemOf(values) }, (problem) => {
      onSettings(problemValues(problem));
      this.#run();
    });
    for (const key of KEYS) this.#held.set(key, GATES[key].usual);
    this.element = h(
      'section',
      { class: 'view gates' },
      h(
        'div',
        { class: 'lead' },
        h('h1', {}, 'Look at its gates'),
        h(
          'p',
          {},
          'Gradient descent is an LSTM whose forget gate is 1 and whose input gate is the learning rate. Let the gates be learned, and watch what they do at every step; hold them, and it is SGD again.',
        ),
      ),
      h(
        'div',
        { class: 'columns' },
        h(
          'div',
          { class: 'controls' },
          h(
            'fieldset',
            { class: 'numbers' },
            h('legend', {}, 'The optimizer'),
            h('label', { class: 'stacked' }, h('span', { class: 'hidden' }, 'Which'), this.#source),
            this.#text,
          ),
          this.#switches,
          this.#problem.element,
        ),
        h(
          'div',
          { class: 'results' },
          this.#notice,
          this.#equation.element,
          h(
            'div',
            { class: 'player' },
            h('button', { 'aria-label': 'Play the episode', onclick: () => this.#play() }, '▶'),
            this.#step,
          ),
          this.#status,
          this.#gateCharts,
          this.#losses.element,
          exportButtons(this.#losses, 'gates'),
        ),
      ),
    );
  }

  /** Looks which weights there are now, and runs what is chosen. */
  async refresh(): Promise<void> {
    this.#weights = await this.#engine.call('weights', null).result;
    const trained = this.#weights.find(({ origin }) => origin === 'trained');
    const known = this.#chosen === PLAIN ? trained : this.#weights.find(({ id }) => id === this.#chosen);
    fill(
      this.#source,
      h('option', { value: PLAIN }, 'Gradient descent, written as an LSTM'),
      ...this.#weights.map(({ id, label }) => h('option', { value: id }, label)),
    );
    this.#choose(known?.id ?? PLAIN);
  }

  /** There are better weights of the run under way: looks at those, unless it is still busy with what was before. */
  trainedMore(): void {
    if (this.#chosen === 'trained' && this.element.dataset['state'] === 'done') this.#run();
    else if (!this.#weights.some(({ origin }) => origin === 'trained')) void this.refresh();
  }

  #info(): WeightsInfo | undefined {
    return this.#weights.find(({ id }) => id === this.#chosen);
  }

  #choose(id: string): void {
    this.#chosen = id;
    this.#source.value = id;
    const info = this.#info();
    const kind = info?.optimizer.kind ?? 'gradient-descent-lstm';
    this.#text.textContent =
      kind in LADDER_TEXTS ? LADDER_TEXTS[kind as keyof typeof LADDER_TEXTS].detail : '';
    this.#held.clear();
    if (!info) {
      this.#held.set('forget', 1);
      this.#held.set('input', GATES.input.usual);
    }
    this.#renderSwitches();
    this.#run();
  }

  /** The gates that the chosen optimizer has between it and the parameters. */
  #gates(): readonly GateKey[] {
    const info = this.#info();
    if (!info) return ['forget', 'input'];
    const { optimizer } = info;
    return 'gates' in optimizer ? KEYS.filter((key) => optimizer.gates[key] !== undefined) : [];
  }

  #renderSwitches(): void {
    const plain = !this.#info();
    const rows = this.#gates().map((key) => {
      const { name, symbol, usual } = GATES[key];
      const value = this.#held.get(key);
      const number = h('input', {
        type: 'number',
        name: key,
        step: 'any',
        value: value ?? usual,
        disabled: value === undefined,
        'aria-label': `Value of the ${name}`,
        onchange: () => {
          if (!Number.isFinite(number.valueAsNumber)) return;
          this.#held.set(key, number.valueAsNumber);
          this.#run();
        },
      });
      const box = h('input', {
        type: 'checkbox',
        role: 'switch',
        name: `hold-${key}`,
        checked: value !== undefined,
        disabled: plain,
        onchange: () => {
          if (box.checked) this.#held.set(key, number.valueAsNumber);
          else this.#held.delete(key);
          number.disabled = !box.checked;
          this.#run();
        },
      });
      return h(
        'div',
        { class: 'number' },
        h('label', {}, box, ` Hold the ${name} `, h('var', {}, symbol)),
        number,
      );
    });
    const none = h(
      'p',
      { class: 'explanation' },
      'Its gates are inside the LSTM and cannot be held: nothing of gradient descent would be left to see.',
    );
    fill(this.#switches, h('legend', {}, 'Gates'), ...(rows.length > 0 ? rows : [none]));
  }

  #learned(): LearnedChoice {
    const held: HeldGates = Object.fromEntries(this.#held);
    if (this.#info()) return { kind: 'weights', id: this.#chosen, held };
    const optimizer = {
      kind: 'gradient-descent-lstm',
      gates: { forget: { fixed: held.forget ?? 1 }, input: { fixed: held.input ?? GATES.input.usual } },
      controller: 'direct',
      hidden: 1,
      gateFeedback: 'pre-sigmoid',
      preprocess: { kind: 'none' },
    } as unknown as OptimizerConfig;
    return { kind: 'settings', optimizer };
  }

  #run(): void {
    for (const call of this.#calls) call.cancel();
    fill(this.#notice);
    this.element.dataset['state'] = 'running';
    const { seed, horizon } = this.#problem.problem;
    const task = problemTask(this.#problem.problem);
    const learned = this.#learned();
    this.#curves = new Map();
    this.#recording = undefined;
    this.#pending++;
    const run = this.#pending;
    const current = () => run === this.#pending;
    fill(this.#status, 'Recording its gates on held-out tasks.');
    const gates = this.#engine.call('gates', { learned, task, seed, episodes: EPISODES, horizon });
    const learningRate = this.#held.get('input') ?? GATES.input.usual;
    const entrants = [
      { key: 'lstm', ...learned },
      { key: 'sgd', kind: 'hand', name: 'sgd', learningRate },
    ] as const;
    const race = this.#engine.call('race', { task, seed, tasks: EPISODES, horizon, entrants }, (event) => {
      if (!current()) return;
      if (event.kind === 'part') this.#curves.set(event.key, event.band);
      else if (event.kind === 'failed') this.#complain(event.failure.message);
      this.#showLosses(learningRate);
    });
    this.#calls = [gates, race];
    Promise.all([gates.result, race.result]).then(
      ([recording]) => {
        if (!current()) return;
        this.#recording = recording;
        this.#step.max = String(recording.steps - 1);
        this.#showRecording(recording);
        this.#showStep(Math.min(this.#step.valueAsNumber, recording.steps - 1));
        this.element.dataset['state'] = 'done';
      },
      (error: unknown) => {
        if (!current()) return;
        this.#complain(error instanceof Error ? error.message : String(error));
        this.element.dataset['state'] = 'done';
      },
    );
  }

  #complain(text: string): void {
    fill(this.#notice, h('p', { class: 'notice', role: 'alert' }, `${text}.`));
  }

  #showLosses(learningRate: number): void {
    const styles = [
      {
        key: 'sgd',
        label: `SGD, rate ${formatLoss(learningRate, 2)}`,
        color: 'ink',
        dash: [3, 7],
        width: 2.5,
      },
      { key: 'lstm', label: 'The LSTM', color: 'vermillion', dash: [], width: 4 },
    ] as const;
    // The dotted line on top: where both are one it is still seen.
    const curves = [...styles].reverse().flatMap((style): Curve[] => {
      const band = this.#curves.get(style.key);
      return band ? [{ ...style, mean: band.mean }] : [];
    });
    const x = Array.from({ length: this.#problem.problem.horizon + 1 }, (_, step) => step);
    this.#losses.show({ x, curves });
    const [lstm, sgd] = [this.#curves.get('lstm')?.mean, this.#curves.get('sgd')?.mean];
    if (!lstm || !sgd || lstm.length !== sgd.length || lstm.length <= this.#problem.problem.horizon) return;
    const same = lstm.every((value, step) => Object.is(value, sgd[step]));
    fill(
      this.#status,
      same
        ? 'With these gates held, the LSTM’s curve is SGD’s, number for number.'
        : `At the last step: the LSTM ${formatLoss(lstm.at(-1) ?? Number.NaN)}, SGD ${formatLoss(sgd.at(-1) ?? Number.NaN)}.`,
    );
    this.element.dataset['same'] = String(same);
  }

  /** A chart for every gate and layer, a line an episode. */
  #showRecording({ recorded, steps, groups }: GateRecording): void {
    const x = Array.from({ length: steps }, (_, step) => step);
    const charts = recorded
      .filter(({ kind }) => kind === 'gate')
      .flatMap(({ name, groups: own }) =>
        own.map(({ group, mean }) => {
          const where = groups.length > 1 ? `${name}, ${group}` : name;
          const largest = Math.max(...mean.flat());
          const chart = new Chart({
            title: where,
            x: 'step',
            y: name,
            axis: largest < 0.2 ? 'series' : 'unit',
          });
          chart.element.classList.add('small');
          const curves = mean.map((values, episode): Curve => {
            const dash = DASHES[episode % DASHES.length] ?? [];
            return {
              key: String(episode),
              label: `episode ${episode + 1}`,
              color: 'vermillion',
              dash,
              width: 1.5,
              mean: values,
              quiet: true,
            };
          });
          chart.show({ x, curves });
          return chart.element;
        }),
      );
    fill(this.#gateCharts, ...charts);
  }

  #showStep(step: number): void {
    this.#step.value = String(step);
    const values = new Map<GateKey, number>();
    for (const key of this.#gates()) {
      const gate = this.#recording?.recorded.find(({ name }) => name === GATES[key].name);
      const all = gate?.groups.flatMap(({ mean }) => mean.map((values) => values[step] ?? Number.NaN)) ?? [];
      if (all.length > 0) values.set(key, all.reduce((sum, value) => sum + value, 0) / all.length);
    }
    this.#equation.show(values, step);
  }

  /** Goes through the episode once. */
  #play(): void {
    cancelAnimationFrame(this.#playing);
    const last = Number(this.#step.max);
    if (wantsStillness()) {
      this.#showStep(last);
      return;
    }
    const start = performance.now();
    const next = () => {
      const step = Math.min(last, Math.floor((performance.now() - start) / 60));
      this.#showStep(step);
      if (step < last) this.#playing = requestAnimationFrame(next);
    };
    next();
  }
}
