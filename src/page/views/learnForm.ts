import { choice, fill, h } from '../dom.ts';
import { defaultSettings, LADDER, type LearnSettings, NUMBERS, TASKS } from '../presets.ts';
import { LADDER_TEXTS, TASK_TEXTS } from '../texts.ts';

const LABELS: Readonly<Record<(typeof NUMBERS)[number], string>> = {
  seed: 'Seed',
  iterations: 'Meta-iterations',
  hidden: 'LSTM units',
  tasks: 'Tasks at once',
  unroll: 'Unroll (steps)',
  horizon: 'Horizon (steps)',
  rate: 'Meta learning rate',
};

/** Chooses a run's settings; `onChange` hears of every choice. */
export class LearnForm {
  readonly element: HTMLElement;
  readonly #onChange: (settings: LearnSettings) => void;
  #settings: LearnSettings;
  #enabled = true;

  constructor(settings: LearnSettings, onChange: (settings: LearnSettings) => void) {
    this.#settings = settings;
    this.#onChange = onChange;
    this.element = h('div', { class: 'form' });
    this.#render();
  }

  get settings(): LearnSettings {
    return this.#settings;
  }

  set settings(settings: LearnSettings) {
    this.#settings = settings;
    this.#render();
  }

  /** Nothing can be chosen while a run has these settings. */
  set enabled(enabled: boolean) {
    this.#enabled = enabled;
    for (const set of this.element.querySelectorAll('fieldset')) set.disabled = !enabled;
  }

  #choose(settings: LearnSettings, focus: string): void {
    this.settings = settings;
    this.element.querySelector<HTMLElement>(focus)?.focus();
    this.#onChange(settings);
  }

  #render(): void {
    const settings = this.#settings;
    const { task, optimizer, seed } = settings;
    const tasks = TASKS.map((name) => {
      const { label, detail } = TASK_TEXTS[name];
      return choice('task', name, name === task, label, detail, () =>
        this.#choose({ ...defaultSettings(name, optimizer), seed }, `[value=${name}]`),
      );
    });
    const ladder = LADDER.map((name) => {
      const { label, detail } = LADDER_TEXTS[name];
      return choice('optimizer', name, name === optimizer, label, detail, () =>
        this.#choose({ ...defaultSettings(task, name), seed }, `[value=${name}]`),
      );
    });
    const numbers = NUMBERS.map((name) => {
      const input = h('input', {
        type: 'number',
        name,
        value: settings[name],
        step: 'any',
        required: true,
        onchange: () => {
          const value = input.valueAsNumber;
          if (Number.isFinite(value)) this.#choose({ ...this.#settings, [name]: value }, `[name=${name}]`);
        },
      });
      return h('label', { class: 'number' }, LABELS[name], input);
    });
    const open = this.element.querySelector('details')?.open ?? false;
    const off = !this.#enabled;
    fill(
      this.element,
      h('fieldset', { disabled: off }, h('legend', {}, 'What is to be optimised'), ...tasks),
      h(
        'fieldset',
        { class: 'ladder', disabled: off },
        h('legend', {}, 'What learns to optimise it'),
        ...ladder,
      ),
      h(
        'details',
        { open },
        h('summary', {}, 'Settings'),
        h(
          'fieldset',
          { class: 'numbers', disabled: off },
          h('legend', { class: 'hidden' }, 'Settings of the run'),
          ...numbers,
        ),
      ),
    );
  }
}
