import type { Tensor } from '../../gpu/tensor.ts';
import { GATES, type GateName } from '../../ops/gated.ts';
import type { Observable, ObserverFace } from '../optimizer.ts';
import { pick } from '../ring.ts';
import type { GatedLayout } from './layout.ts';

const NAMES: Readonly<Record<GateName, string>> = {
  forget: 'forget gate',
  input: 'input gate',
  momentumForget: 'momentum forget gate',
  momentumInput: 'momentum input gate',
};

/** The gates of the gated family, those of the second cell where there is one; learned ones are rows of the state. */
export function gatedObserver(
  { gates, learned, momentum }: GatedLayout,
  state: readonly Tensor[],
): ObserverFace {
  const present = momentum ? GATES : GATES.slice(0, 2);
  return {
    observables: present.map((name): Observable => {
      const gate = gates[name];
      return { name: NAMES[name], rows: 1, ...(gate !== 'learned' && { fixed: gate.fixed }) };
    }),
    recordStep(_, step, see) {
      for (const [index, name] of present.entries()) {
        const firstRow = learned.indexOf(name);
        if (firstRow >= 0) see(index, { values: pick(state, step + 1), firstRow });
      }
    },
  };
}
