import type * as z from 'zod';

/** Names a setting for people: by its place in a file, or by the flag that sets it. */
export type SettingName = (path: readonly PropertyKey[]) => string;

/** optimizer.hidden */
export const settingPath: SettingName = (path) => path.map(String).join('.');

/** What is wrong with one setting, as the rest of a sentence that starts with its name: "is 0, but must be at least 1". */
export function settingProblem(issue: z.core.$ZodIssue, settings: unknown): string {
  const value = valueAt(settings, issue.path);
  const but = (requirement: string) => `is ${show(value)}, but must be ${requirement}`;
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'is missing';
      return Number.isNaN(value) ? 'is not a number' : but(kindOf(issue.expected));
    case 'too_small':
      if (issue.origin === 'array') return `must hold at least ${issue.minimum} values`;
      return but(`${issue.inclusive ? 'at least' : 'greater than'} ${issue.minimum}`);
    case 'too_big':
      if (issue.origin === 'array') return `must hold at most ${issue.maximum} values`;
      return but(`${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`);
    case 'invalid_value':
      return but(oneOf(issue.values.map(String)));
    case 'invalid_union': {
      const { options } = issue as { options?: readonly unknown[] };
      const expected = options ? oneOf(options.map(String)) : issue.message;
      return value === undefined ? `is missing: it must be ${expected}` : but(expected);
    }
    case 'unrecognized_keys':
      return `has ${show(issue.keys[0])}, which is no setting`;
    default:
      return issue.message;
  }
}

function kindOf(expected: string): string {
  const kinds: Readonly<Record<string, string>> = {
    int: 'a whole number',
    number: 'a finite number',
    string: 'text',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object of settings',
  };
  return kinds[expected] ?? expected;
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? `${values[0]}` : `one of: ${values.join(', ')}`;
}

function valueAt(settings: unknown, path: readonly PropertyKey[]): unknown {
  let value = settings;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return value;
}

/** A value as text, short however long it is. */
function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
