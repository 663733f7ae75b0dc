import { describe, expect, it } from 'vitest';
import page from '../docs/numerics.md?raw';
import * as tolerances from './support/tolerances.ts';

const files = import.meta.glob<string>('./*.test.ts', { query: '?raw', import: 'default', eager: true });
const rows = page.split('\n').filter((line) => line.startsWith('| '));

/** Tolerances written as numbers in a test: `1e-6` of a bound, or `14 digits` of toBeCloseTo. */
function literalsIn(text: string): string[] {
  const bounds = text
    .split('\n')
    .filter((line) => /toBeLessThan|absolute:|relative:/.test(line))
    .flatMap((line) => line.match(/\b\d+(?:\.\d+)?e-\d+\b/g) ?? []);
  const digits = [...text.matchAll(/(?<!not\.)toBeCloseTo\([^;]*?,\s*(\d+),?\s*\);/g)];
  return [...new Set([...bounds, ...digits.map(([, count]) => `${count} digits`)])];
}

/** Whether a row that names the file has the number, for digits in a list such as `4, 6 and 14 digits`. */
function isExplained(file: string, literal: string): boolean {
  const [number = ''] = literal.split(' ');
  const value = new RegExp(`(^|[^\\w.-])${number.replace('.', '\\.')}($|[^\\w.])`);
  return rows.some((row) => {
    const [name = '', bound = ''] = row.split('|').slice(1);
    if (!name.includes(file) || !value.test(bound)) return false;
    return !literal.endsWith('digits') || bound.includes('digits');
  });
}

describe('docs/numerics.md', () => {
  it.each(Object.keys(tolerances))('gives the reason of %s', (name) => {
    const row = rows.find((line) => line.split('|')[1]?.includes(`\`${name}\``));
    expect(row?.split('|')[3]?.trim().length ?? 0).toBeGreaterThan(20);
  });

  it.each(Object.keys(files))('explains every number in %s', (path) => {
    const file = path.replace('./', '');
    const missing = literalsIn(files[path] ?? '').filter((literal) => !isExplained(file, literal));
    expect(missing, `add a row for ${file} with its bound and its reason`).toEqual([]);
  });

  it('is looked up by file and number', () => {
    const text = "expect(x).toBeLessThan(2.5e-7 * size);\nexpectClose(a, b, { absolute: 3e-6 }, '');\n";
    expect(literalsIn(`${text}expect(at(x, 0)).toBeCloseTo(at(y, 1), 14);`)).toEqual([
      '2.5e-7',
      '3e-6',
      '14 digits',
    ]);
    expect(isExplained('gradientCases.test.ts', '1e-4')).toBe(true);
    expect(isExplained('gradientCases.test.ts', '1e-3')).toBe(false);
    expect(isExplained('other.test.ts', '1e-4')).toBe(false);
  });
});
