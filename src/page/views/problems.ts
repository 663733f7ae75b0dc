import type { TrainInput } from '../../host/index.ts';
import { fill, h } from '../dom.ts';

export const PROBLEMS = ['quadratic', 'digits', 'bowl', 'rosenbrock', 'beale', 'rastrigin'] as const;
export type ProblemName = (typeof PROBLEMS)[number];
const ACTIVATIONS = ['sigmoid', 'tanh', 'relu', 'leakyRelu', 'elu', 'softplus'] as const;

const LABELS: Readonly<Record<ProblemName, string>> = {
  quadratic: 'Quadratics',
  digits: 'Digits (a small network)',
  bowl: 'A bowl in the plane',
  rosenbrock: 'Rosenbrock’s valley',
  beale: 'Beale’s function',
  rastrigin: 'Rastrigin’s egg box',
};

/** What optimizers are raced on. */
export interface Problem {
  readonly problem: ProblemName;
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly width: number;
  readonly depth: number;
  readonly resolution: 7 | 14;
  readonly dimension: number;
  readonly horizon: number;
  readonly tasks: number;
  readonly seed: number;
}

const DEFAULTS: Problem = {
  problem: 'quadratic',
  activation: 'sigmoid',
  width: 20,
  depth: 1,
  resolution: 7,
  dimension: 10,
  horizon: 100,
  tasks: 16,
  seed: 1,
};

const NUMBERS = ['width', 'depth', 'dimension', 'horizon', 'tasks', 'seed'] as const;

/** The problem in an address; what is missing or unknown there has its default. */
export function problemOf(values: URLSearchParams): Problem {
  const one = <T extends string>(name: string, all: readonly T[], otherwise: T) =>
    all.find((known) => known === values.get(name)) ?? otherwise;
  const numbers = NUMBERS.flatMap((name) => {
    const value = Number(values.get(name) ?? Number.NaN);
    return Number.isFinite(value) ? [[name, value] as const] : [];
  });
  return {
    ...DEFAULTS,
    problem: one('problem', PROBLEMS, DEFAULTS.problem),
    activation: one('activation', ACTIVATIONS, DEFAULTS.activation),
    resolution: values.get('resolution') === '14' ? 14 : 7,
    ...Object.fromEntries(numbers),
  };
}

/** As an address says it: the problem, and what is not the default. */
export function problemValues(problem: Problem): URLSearchParams {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(problem)) {
    if (name === 'problem' || value !== DEFAULTS[name as keyof Problem]) values.set(name, String(value));
  }
  return values;
}

export function surfaceOf({ problem }: Problem): 'bowl' | 'rosenbrock' | 'beale' | 'rastrigin' | undefined {
  return problem === 'quadratic' || problem === 'digits' ? undefined : problem;
}

/** In the terms of the engine's own schema, which checks it. */
export function problemTask(problem: Problem): TrainInput['task'] {
  const surface = surfaceOf(problem);
  if (surface) return { kind: 'surface', function: surface };
  if (problem.problem === 'quadratic') return { kind: 'quadratic', dimension: problem.dimension };
  const { width, depth, activation, resolution } = problem;
  const hidden = Array.from({ length: Math.max(0, Math.min(8, depth)) }, () => [
    { kind: 'dense', units: width } as const,
    { kind: 'activation', function: activation } as const,
  ]);
  return { kind: 'images', resolution, layers: hidden.flat() };
}

/** Which of the settings belong to a problem. */
function fieldsOf(problem: ProblemName): readonly (keyof Problem)[] {
  if (problem === 'digits') return ['activation', 'width', 'depth', 'resolution', 'horizon', 'tasks', 'seed'];
  return problem === 'quadratic' ? ['dimension', 'horizon', 'tasks', 'seed'] : ['horizon', 'tasks', 'seed'];
}

const FIELD_LABELS: Readonly<Record<keyof Problem, string>> = {
  problem: 'Problem',
  activation: 'Activation',
  width: 'Width of a layer',
  depth: 'Hidden layers',
  resolution: 'Pixels a side',
  dimension: 'Dimensions',
  horizon: 'Steps',
  tasks: 'Tasks',
  seed: 'Seed',
};

/** Chooses a problem; `onChange` hears of every choice. */
export class ProblemForm {
  readonly element = h('div', { class: 'form' });
  readonly #onChange: () => void;
  /** Settings that where it stands have no meaning. */
  readonly #without: readonly (keyof Problem)[];
  #problem = DEFAULTS;

  constructor(onChange: () => void, without: readonly (keyof Problem)[] = []) {
    this.#onChange = onChange;
    this.#without = without;
    this.#render();
  }

  get problem(): Problem {
    return this.#problem;
  }

  set problem(problem: Problem) {
    this.#problem = problem;
    this.#render();
  }

  #choose(changes: Partial<Problem>, name: string): void {
    this.problem = { ...this.#problem, ...changes };
    this.element.querySelector<HTMLElement>(`[name=${name}]`)?.focus();
    this.#onChange();
  }

  #render(): void {
    const own = fieldsOf(this.#problem.problem).filter((name) => !this.#without.includes(name));
    const select = (
      name: 'problem' | 'activation' | 'resolution',
      options: readonly (readonly [string, string])[],
    ) => {
      const chosen = String(this.#problem[name]);
      const element = h(
        'select',
        {
          name,
          onchange: () => {
            const value = name === 'resolution' ? Number(element.value) : element.value;
            this.#choose({ [name]: value } as Partial<Problem>, name);
          },
        },
        ...options.map(([value, label]) => h('option', { value, selected: value === chosen }, label)),
      );
      return h('label', { class: 'number' }, FIELD_LABELS[name], element);
    };
    const number = (name: (typeof NUMBERS)[number]) => {
      const input = h('input', {
        type: 'number',
        name,
        min: name === 'seed' ? 0 : 1,
        value: this.#problem[name],
        onchange: () => {
          if (Number.isInteger(input.valueAsNumber)) this.#choose({ [name]: input.valueAsNumber }, name);
        },
      });
      return h('label', { class: 'number' }, FIELD_LABELS[name], input);
    };
    const same = (all: readonly string[]) => all.map((value) => [value, value] as const);
    fill(
      this.element,
      h(
        'fieldset',
        { class: 'numbers' },
        h('legend', {}, 'The problem'),
        select(
          'problem',
          PROBLEMS.map((name) => [name, LABELS[name]] as const),
        ),
        own.includes('activation') && select('activation', same(ACTIVATIONS)),
        own.includes('resolution') && select('resolution', same(['7', '14'])),
        ...NUMBERS.filter((name) => own.includes(name)).map(number),
      ),
    );
  }
}
