import { defaultSettings, LADDER, type LearnSettings, NUMBERS, TASKS } from './presets.ts';

export const VIEWS = ['learn', 'race', 'gates'] as const;
export type ViewName = (typeof VIEWS)[number];

/** What the address says: a view, and settings by name. */
export interface Address {
  readonly view: ViewName;
  readonly values: URLSearchParams;
}

/** `#learn?task=digits&seed=3`; whatever is unknown is as if it were not there. */
export function readAddress(hash: string): Address {
  const [name = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return { view: VIEWS.find((view) => view === name) ?? 'learn', values: new URLSearchParams(query) };
}

export function addressOf(view: ViewName, values: URLSearchParams): string {
  const query = values.toString();
  return query === '' ? `#${view}` : `#${view}?${query}`;
}

const OWN = /^(trained$|plain$|file )/;

/** Weights as an address names them: shipped ones by their name alone. */
export function weightsName(id: string): string {
  return id.replace(/^shipped /, '');
}

/** The id of the weights that an address names. */
export function weightsId(name: string): string {
  return OWN.test(name) ? name : `shipped ${name}`;
}

/** The settings in an address; what it leaves out, or what is no number there, has its default. */
export function learnSettings(values: URLSearchParams): LearnSettings {
  const task = TASKS.find((name) => name === values.get('task')) ?? 'quadratic';
  const optimizer = LADDER.find((name) => name === values.get('optimizer')) ?? 'l2l';
  const numbers = NUMBERS.flatMap((name) => {
    const value = Number(values.get(name) ?? Number.NaN);
    return Number.isFinite(value) ? [[name, value] as const] : [];
  });
  return { ...defaultSettings(task, optimizer), ...Object.fromEntries(numbers) };
}

/** The settings as an address says them: nothing where they are the defaults. */
export function learnValues(settings: LearnSettings): URLSearchParams {
  const values = new URLSearchParams({ task: settings.task, optimizer: settings.optimizer });
  const defaults = defaultSettings(settings.task, settings.optimizer);
  for (const name of NUMBERS) {
    if (settings[name] !== defaults[name]) values.set(name, String(settings[name]));
  }
  return values;
}
