import type { HandDesignedName } from '../../host/index.ts';
import { formatLoss } from '../../report/format.ts';
import { weightsId, weightsName } from '../address.ts';
import { type ColorName, swatch } from '../chart.ts';
import { fill, h } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { saveWeights } from '../export.ts';
import type { Entrant, WeightsInfo } from '../protocol.ts';

declare const __DEFAULT_WEIGHTS__: string;

/** Who runs in a race, and how the curve is drawn. */
export interface Runner {
  readonly key: string;
  readonly label: string;
  readonly color: ColorName;
  readonly dash: readonly number[];
  readonly width: number;
  readonly entrant: Entrant;
}

const HAND: readonly (readonly [HandDesignedName, string, ColorName, readonly number[]])[] = [
  ['sgd', 'SGD', 'green', [2, 2.5]],
  ['momentum', 'Momentum', 'sky', [4, 2]],
  ['nesterov', 'Nesterov', 'sky', [12, 3, 2, 3, 2, 3]],
  ['rmsprop', 'RMSprop', 'orange', [9, 3, 2, 3]],
  ['adam', 'Adam', 'blue', [7, 3]],
  ['adamw', 'AdamW, cosine', 'orange', [1.5, 4]],
];
const COLORS = ['vermillion', 'purple', 'ink'] as const;
const DASHES: readonly (readonly number[])[] = [[], [10, 3], [10, 3, 2, 3]];
/** What an address says of a hand-designed optimizer whose learning rate is tuned. */
const TUNED = 'tuned';

/** Chooses who runs: weights that are at hand, dropped files, and hand-designed optimizers with a learning rate. */
export class EntrantsForm {
  readonly element: HTMLElement;
  readonly #engine: Engine;
  readonly #onChange: () => void;
  readonly #complain: (error: unknown) => void;
  readonly #list = h('fieldset', { class: 'entrants' });
  #chosen = new Set([`shipped ${__DEFAULT_WEIGHTS__}`, 'adam']);
  /** Whether the choice is the reader's, or a link's. */
  #own = false;
  /** Of hand-designed optimizers; absent where it is tuned. */
  #rates = new Map<string, number>();
  #weights: readonly WeightsInfo[] | undefined;

  /** @param onChange hears of every choice @param complain is told what was wrong with a file or a link */
  constructor(engine: Engine, onChange: () => void, complain: (error: unknown) => void) {
    this.#engine = engine;
    this.#onChange = onChange;
    this.#complain = complain;
    const file = h('input', {
      type: 'file',
      accept: '.safetensors',
      onchange: () => void this.take(file.files),
    });
    const text = 'Add weights: drop a .safetensors file here, or choose one';
    this.element = h('div', {}, this.#list, h('label', { class: 'drop' }, h('span', {}, text), file));
    this.#render();
  }

  /** Those who run. */
  get runners(): readonly Runner[] {
    return this.#all().filter(({ key }) => this.#chosen.has(key));
  }

  /** As an address says it, `weights=rnnprop&adam=tuned&sgd=0.1`; nothing where nothing was chosen. */
  get values(): readonly (readonly [string, string])[] {
    if (!this.#own) return [];
    const named = (key: string): readonly [string, string] => {
      const hand = HAND.some(([name]) => name === key);
      return hand ? [key, String(this.#rates.get(key) ?? TUNED)] : ['weights', weightsName(key)];
    };
    return [...this.#chosen].map(named);
  }

  /** What runs was meant: from now on the address says it in full. */
  settle(): void {
    this.#own = true;
    this.#onChange();
  }

  /** Takes up what an address says, where it says anything. */
  choose(values: URLSearchParams): void {
    const hand = HAND.flatMap(([name]) => (values.has(name) ? [name] : []));
    const weights = values.getAll('weights').map(weightsId);
    if (hand.length + weights.length === 0) return;
    this.#own = true;
    this.#chosen = new Set([...weights, ...hand]);
    const rates = hand.map((name) => [name, Number(values.get(name))] as const);
    this.#rates = new Map(rates.filter(([, rate]) => Number.isFinite(rate) && rate > 0));
    this.#dropMissing();
    this.#render();
  }

  /** Looks which weights there are now; those that were trained meanwhile run, too. */
  async refresh(): Promise<void> {
    const before = this.#weights;
    this.#weights = await this.#engine.call('weights', null).result;
    const isNew = (id: string) => (before ? !before.some((known) => known.id === id) : !this.#own);
    for (const { id, origin } of this.#weights) if (origin === 'trained' && isNew(id)) this.#chosen.add(id);
    this.#dropMissing();
    this.#render();
  }

  /** Takes up weights files. */
  async take(files: FileList | null): Promise<void> {
    for (const file of files ?? []) {
      try {
        const bytes = new Uint8Array(await file.arrayBuffer());
        const { id } = await this.#engine.call('load', { name: file.name, bytes }).result;
        this.#chosen.add(id);
        this.settle();
      } catch (error) {
        this.#complain(error);
      }
    }
    await this.refresh();
  }

  /** What a link names and this page does not have: files and weights that were trained elsewhere. */
  #dropMissing(): void {
    if (!this.#weights) return;
    const here = new Set(this.#all().map(({ key }) => key));
    const missing = [...this.#chosen].filter((key) => !here.has(key));
    if (missing.length === 0) return;
    for (const key of missing) this.#chosen.delete(key);
    const names = missing.map(weightsName).join(', ');
    this.#complain(new Error(`The link names weights that are not here and do not run: ${names}`));
  }

  #all(): Runner[] {
    const learned = (this.#weights ?? []).map(({ id, label }, index): Runner => {
      const turn = index + Math.floor(index / COLORS.length);
      const color = COLORS[index % COLORS.length] ?? 'ink';
      const dash = DASHES[turn % DASHES.length] ?? [];
      return { key: id, label, color, dash, width: 3.25, entrant: { key: id, kind: 'weights', id } };
    });
    const hand = HAND.map(([name, label, color, dash]): Runner => {
      const entrant = { key: name, kind: 'hand', name, learningRate: this.#rates.get(name) } as const;
      return { key: name, label, color, dash, width: 1.75, entrant };
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
          this.settle();
        },
      });
      const info = this.#weights?.find(({ id }) => id === key);
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
    const text = `${optimizer.kind}, ${iteration} meta-iterations on ${task.kind}`;
    const button = h(
      'button',
      {
        class: 'link',
        'aria-label': `Save ${label}`,
        onclick: () => void saveWeights(this.#engine, id, label).catch(this.#complain),
      },
      'Save',
    );
    return h('small', {}, `${text} `, button);
  }

  #rateRow(key: string, label: string): HTMLElement {
    const rate = this.#rates.get(key);
    const textOf = (given: number | undefined) => (given === undefined ? TUNED : formatLoss(given, 2));
    const shown = h('output', {}, textOf(rate));
    const set = (given: number | undefined) => {
      if (given === undefined) this.#rates.delete(key);
      else this.#rates.set(key, given);
      fill(shown, textOf(given));
      this.settle();
    };
    const slider = h('input', {
      type: 'range',
      min: -4,
      max: 1,
      step: 0.05,
      value: Math.log10(rate ?? 0.01),
      'aria-label': `Learning rate of ${label}, as a power of ten`,
      oninput: () => set(Number((10 ** slider.valueAsNumber).toPrecision(3))),
    });
    const tune = h(
      'button',
      { class: 'link', 'aria-label': `Tune ${label}`, onclick: () => set(undefined) },
      'Tune',
    );
    return h('small', { class: 'rate' }, 'rate', slider, shown, tune);
  }
}
