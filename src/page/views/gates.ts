import type { GateRecording, OptimizerConfig } from '../../host/index.ts';
import { formatLoss } from '../../report/format.ts';
import { weightsId, weightsName } from '../address.ts';
import { Chart, type Curve } from '../chart.ts';
import { fill, h } from '../dom.ts';
import { type Call, complaint, type Engine, EngineError } from '../engine.ts';
import { exportButtons } from '../export.ts';
import type { HeldGates, LearnedChoice, LossBand, WeightsInfo } from '../protocol.ts';
import { LADDER_TEXTS } from '../texts.ts';
import { wantsStillness } from '../theme.ts';
import { Equation, GATES, type GateKey } from './equation.ts';
import { GateCharts } from './gateCharts.ts';
import { ProblemForm, problemOf, problemTask, problemValues } from './problems.ts';

const EPISODES = 5;
const KEYS = Object.keys(GATES) as GateKey[];
/** An LSTM that needs no training: all its gates are held. */
const PLAIN = 'plain';
const PLAIN_GATES = ['forget', 'input'] as const;

interface Rival {
  readonly name: 'sgd' | 'momentum';
  readonly learningRate: number;
  readonly beta?: number;
}

/** The view of what happens inside: gates by step and layer, and what becomes of the curve when they are held. */
export class GatesView {
  readonly element: HTMLElement;
  readonly #engine: Engine;
  readonly #onSettings: () => void;
  readonly #problem: ProblemForm;
  readonly #source = h('select', { name: 'source', onchange: () => this.#select() });
  readonly #text = h('p', { class: 'explanation' });
  readonly #switches = h('fieldset', { class: 'numbers' });
  readonly #equation = new Equation();
  readonly #notice = h('div', { class: 'notices' });
  readonly #status = h('p', { class: 'status', role: 'status' });
  readonly #gateCharts = new GateCharts();
  readonly #step = h('input', {
    type: 'range',
    min: 0,
    max: 99,
    value: 0,
    'aria-label': 'Step of the episode',
    oninput: () => this.#showStep(this.#step.valueAsNumber),
  });
  readonly #losses = new Chart(
    { title: 'Its curve beside a hand-designed one', x: 'step', y: 'loss', axis: 'losses' },
    'With every gate held, the LSTM’s curve is that of SGD, or of momentum, to the last bit.',
  );
  readonly #held = new Map<GateKey, number>();
  #weights: readonly WeightsInfo[] = [];
  /** What the reader, or a link, chose; until then it is what was trained here, if anything was. */
  #wanted: string | undefined;
  #chosen = PLAIN;
  #recording: GateRecording | undefined;
  #calls: readonly Call<unknown>[] = [];
  #curves = new Map<string, LossBand>();
  #pending = 0;
  #playing = 0;

  /** @param onSettings hears of every choice */
  constructor(engine: Engine, onSettings: () => void) {
    this.#engine = engine;
    this.#onSettings = onSettings;
    const changed = () => {
      onSettings();
      this.#run();
    };
    this.#problem = new ProblemForm(changed, ['tasks']);
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
          this.#gateCharts.element,
          this.#losses.element,
          exportButtons(this.#losses, 'gates'),
        ),
      ),
    );
  }

  /** The problem, the optimizer and the gates that are held: a link with these shows the same. */
  get values(): URLSearchParams {
    const values = problemValues(this.#problem.problem);
    if (this.#wanted === undefined) return values;
    values.set('weights', weightsName(this.#wanted));
    for (const [key, value] of this.#held) values.set(key, String(value));
    return values;
  }

  choose(values: URLSearchParams): void {
    this.#problem.problem = problemOf(values);
    const name = values.get('weights');
    if (name === null) return;
    this.#wanted = weightsId(name);
    this.#chosen = this.#wanted;
    this.#held.clear();
    for (const key of KEYS) {
      const value = Number(values.get(key) ?? Number.NaN);
      if (Number.isFinite(value)) this.#held.set(key, value);
    }
    if (name === PLAIN)
      for (const key of PLAIN_GATES) this.#held.set(key, this.#held.get(key) ?? GATES[key].usual);
  }

  /** Looks which weights there are now, and runs what is chosen. */
  async refresh(): Promise<void> {
    try {
      this.#weights = await this.#engine.call('weights', null).result;
    } catch (error) {
      this.#complain(error);
      return;
    }
    fill(
      this.#source,
      h('option', { value: PLAIN }, 'Gradient descent, written as an LSTM'),
      ...this.#weights.map(({ id, label }) => h('option', { value: id }, label)),
    );
    const ids = [PLAIN, ...this.#weights.map(({ id }) => id)];
    const wanted = this.#wanted ?? (ids.includes('trained') ? 'trained' : PLAIN);
    const missing = !ids.includes(wanted);
    if (missing) this.#wanted = undefined;
    this.#show(missing ? PLAIN : wanted);
    if (missing) this.#complain(new Error(`These weights are not here: ${weightsName(wanted)}`));
  }

  /** There are better weights of the run under way: looks at those, unless it is still busy with what was before. */
  trainedMore(): void {
    if (this.#chosen === 'trained' && this.element.dataset['state'] === 'done') this.#run();
    else if (!this.#weights.some(({ origin }) => origin === 'trained')) void this.refresh();
  }

  #info(): WeightsInfo | undefined {
    return this.#weights.find(({ id }) => id === this.#chosen);
  }

  #select(): void {
    this.#wanted = this.#source.value;
    this.#show(this.#source.value);
    this.#onSettings();
  }

  #changed(): void {
    this.#wanted = this.#chosen;
    this.#onSettings();
    this.#run();
  }

  /** Another optimizer than the last one starts with its own gates. */
  #show(id: string): void {
    if (id !== this.#chosen) this.#held.clear();
    this.#chosen = id;
    this.#source.value = id;
    const info = this.#info();
    const kind = info?.optimizer.kind ?? 'gradient-descent-lstm';
    this.#text.textContent =
      kind in LADDER_TEXTS ? LADDER_TEXTS[kind as keyof typeof LADDER_TEXTS].detail : '';
    if (!info) for (const key of PLAIN_GATES) this.#held.set(key, this.#held.get(key) ?? GATES[key].usual);
    this.#renderSwitches();
    this.#run();
  }

  /** The gates that the chosen optimizer has between it and the parameters. */
  #gates(): readonly GateKey[] {
    const info = this.#info();
    if (!info) return PLAIN_GATES;
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
          this.#changed();
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
          this.#changed();
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
    const rival = this.#rival();
    const entrants = [
      { key: 'lstm', ...learned },
      { key: 'rival', kind: 'hand', ...rival },
    ] as const;
    const race = this.#engine.call('race', { task, seed, tasks: EPISODES, horizon, entrants }, (event) => {
      if (!current()) return;
      if (event.kind === 'data') fill(this.#status, `Loading the data: ${Math.round(100 * event.share)} %`);
      else if (event.kind === 'part') this.#curves.set(event.key, event.band);
      else if (event.kind === 'failed') this.#complain(new EngineError(event.failure));
      this.#showLosses(rival);
    });
    this.#calls = [gates, race];
    Promise.all([gates.result, race.result]).then(
      ([recording]) => {
        if (!current()) return;
        this.#recording = recording;
        this.#step.max = String(recording.steps - 1);
        this.#gateCharts.show(recording);
        this.#showStep(Math.min(this.#step.valueAsNumber, recording.steps - 1));
        this.element.dataset['state'] = 'done';
      },
      (error: unknown) => {
        if (!current()) return;
        this.#complain(error);
        this.element.dataset['state'] = 'done';
      },
    );
  }

  /** The hand-designed optimizer that it is with all of its gates held. */
  #rival(): Rival {
    const learningRate = this.#held.get('input') ?? GATES.input.usual;
    if (!this.#gates().includes('momentumForget')) return { name: 'sgd', learningRate };
    const beta = this.#held.get('momentumForget') ?? GATES.momentumForget.usual;
    return { name: 'momentum', learningRate, beta };
  }

  #complain(error: unknown): void {
    fill(this.#notice, complaint(error));
  }

  #showLosses({ name, learningRate, beta }: Rival): void {
    const rivalName = name === 'sgd' ? 'SGD' : 'momentum';
    const title = name === 'sgd' ? 'SGD' : `Momentum ${beta}`;
    const styles = [
      {
        key: 'rival',
        label: `${title}, rate ${formatLoss(learningRate, 2)}`,
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
    const [lstm, rival] = [this.#curves.get('lstm')?.mean, this.#curves.get('rival')?.mean];
    if (!lstm || !rival || lstm.length !== rival.length || lstm.length <= this.#problem.problem.horizon)
      return;
    const same = lstm.every((value, step) => Object.is(value, rival[step]));
    fill(
      this.#status,
      same
        ? `With these gates held, the LSTM’s curve is that of ${rivalName}, number for number.`
        : `At the last step: the LSTM ${formatLoss(lstm.at(-1) ?? Number.NaN)}, ${rivalName} ${formatLoss(rival.at(-1) ?? Number.NaN)}.`,
    );
    this.element.dataset['same'] = String(same);
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
