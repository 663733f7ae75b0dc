import { formatLoss } from '../../report/format.ts';
import { fill, h } from '../dom.ts';

/** The gates of the gated family, as their recordings name them. */
export const GATES = {
  forget: { name: 'forget gate', symbol: 'f', usual: 1 },
  input: { name: 'input gate', symbol: 'i', usual: 0.02 },
  momentumForget: { name: 'momentum forget gate', symbol: 'f′', usual: 0.9 },
  momentumInput: { name: 'momentum input gate', symbol: 'i′', usual: 1 },
} as const;
export type GateKey = keyof typeof GATES;

/** The update in symbols, and under them the gates' values at one step. */
export class Equation {
  readonly element = h('div', { class: 'equation' });

  /** @param values of the gates, by key; those that are there decide which equation it is */
  show(values: ReadonlyMap<GateKey, number>, step: number): void {
    const symbol = (key: GateKey) => {
      const value = values.get(key);
      return h(
        'span',
        { class: 'gate' },
        h('var', {}, GATES[key].symbol, h('sub', {}, 't')),
        h('span', { class: 'now' }, value === undefined ? '' : formatLoss(value)),
      );
    };
    const term = (text: string, index: string) =>
      h('span', { class: 'term' }, h('var', {}, text), h('sub', {}, index));
    const momentum = values.has('momentumForget');
    const first = h(
      'p',
      {},
      term('θ', 't'),
      ' = ',
      symbol('forget'),
      ' · ',
      term('θ', 't−1'),
      momentum ? ' + ' : ' − ',
      symbol('input'),
      ' · ',
      momentum ? term('m', 't') : term('g', 't'),
    );
    const second =
      momentum &&
      h(
        'p',
        {},
        term('m', 't'),
        ' = ',
        symbol('momentumForget'),
        ' · ',
        term('m', 't−1'),
        ' − ',
        symbol('momentumInput'),
        ' · ',
        term('g', 't'),
      );
    if (values.size === 0) {
      fill(
        this.element,
        h('p', {}, term('θ', 't'), ' = ', term('θ', 't−1'), ' + ', 'LSTM', '(', term('g', 't'), ')'),
      );
    } else
      fill(
        this.element,
        second,
        first,
        h('small', {}, `Mean over coordinates and episodes at step ${step}.`),
      );
  }
}
