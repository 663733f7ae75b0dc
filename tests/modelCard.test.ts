import { describe, expect, it } from 'vitest';
import { type Card, modelCard } from '../src/report/modelCard.ts';
import type { RecipeResult, SeedFacts } from '../src/report/results.ts';

const validation = { tasks: 4, horizon: 10, select: 'final', score: 0.203029 } as const;
const made = { version: '0.1.0', commit: 'c', adapter: 'a' };
const facts = { training: 'tiny', label: 'l2l', seed: 1, iteration: 40, iterations: 50, validation, ...made };

/** A test in which the weights with these facts end at a loss, and Adam at 0.5. */
function resultOf(title: string, loss: number, ...seeds: SeedFacts[]): RecipeResult {
  const row = { setting: '', spread: 0, error: 0, sum: 1, diverged: 0, risen: 0 };
  const learned = { name: 'tiny', label: 'l2l', description: '', pretrained: false, seeds };
  return {
    ...made,
    ...{ format: 'coordwise-results-1', kind: 'recipe', command: '', software: true, made: '2026-01-01' },
    ...{ name: 'one', title, source: '', about: '', seed: 1, learned: [learned] },
    tests: [
      {
        ...{ name: 't', title, task: '', tasks: 4, tuningTasks: 2, horizon: 10, steps: [10] },
        rows: [
          { ...row, label: 'l2l', kind: 'learned', name: 'tiny', losses: [loss], seeds: [[loss]] },
          { ...row, label: 'adam', kind: 'baseline', name: 'adam', losses: [0.5] },
        ],
        checks: [
          { of: 'tiny', what: 'l2l at step 10', band: 'at most 1', value: String(loss), reached: true },
          { of: 'tiny-scaled', what: 'l2l, scaled at step 10', band: '', value: '0.125' },
          { of: 'tiny-other', what: 'another at step 10', band: '', value: '0.5' },
        ],
      },
    ],
  };
}

const cardOf = (...results: RecipeResult[]) => {
  const card: Card = {
    ...{ name: 'tiny', about: 'A try.', optimizer: 'l2l', bytes: 9, isDefault: false },
    ...{ facts, results, variants: ['tiny-scaled'] },
  };
  return modelCard(card);
};

describe('the card of shipped weights', () => {
  it('has what the results say of these weights, good and bad, and of all their meta-seeds', () => {
    const own = { seed: 1, iteration: 40, validation: 0.20302912 };
    const card = cardOf(
      resultOf('Near', 0.25, own, { seed: 2, iteration: 50, validation: 0.3 }),
      resultOf('Far', 0.75, own),
    );
    expect(card).toContain('| Near | l2l at step 10 | 0.25 | at most 1 | reached |');
    expect(card).toContain('| Near | l2l, scaled at step 10 | 0.125 |  | reported |');
    expect(card).not.toContain('another at step 10');
    expect(card).toContain('- Far: 0.750 at step 10, against 0.500 of tuned adam.');
    expect(card).not.toContain('- Near');
    expect(card).toContain('Validation of all meta-seeds: 1: 0.203, 2: 0.300.');
  });

  it('says what the weights were chosen on', () => {
    expect(cardOf()).toContain('| the loss at step 10, mean over 4 validation tasks: 0.203 |');
    const elsewhere = { ...facts, validation: { ...validation, activation: 'relu' } };
    const card = {
      name: 'tiny',
      about: '',
      optimizer: '',
      bytes: 9,
      isDefault: false,
      variants: [],
      results: [],
    };
    expect(modelCard({ ...card, facts: elsewhere })).toContain(
      'mean over 4 validation tasks with relu: 0.203 |',
    );
  });

  it.each([
    ['meta-steps', { seed: 1, iteration: 30, validation: 0.20302912 }],
    ['validation', { seed: 1, iteration: 40, validation: 0.25 }],
    ['meta-seed', { seed: 2, iteration: 40, validation: 0.20302912 }],
  ])('leaves out results of weights that had its name before, of another %s', (_, other) => {
    const card = cardOf(resultOf('Far', 0.75, other));
    expect(card).not.toContain('Far');
    expect(card).toContain('No results file names it yet.');
  });
});
