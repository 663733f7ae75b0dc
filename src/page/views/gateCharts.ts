import type { GateRecording } from '../../host/index.ts';
import { Chart, type Curve } from '../chart.ts';
import { fill, h } from '../dom.ts';
import { exportButtons } from '../export.ts';

const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [4, 2]];

/** A chart for every gate and layer of a network, a line an episode. */
export class GateCharts {
  readonly element = h('div', { class: 'small-charts' });
  /** Those that were needed so far, by title and axis. */
  readonly #charts = new Map<string, { readonly chart: Chart; readonly element: HTMLElement }>();

  show({ recorded, steps, groups }: GateRecording): void {
    const x = Array.from({ length: steps }, (_, step) => step);
    const shown = recorded
      .filter(({ kind }) => kind === 'gate')
      .flatMap(({ name, groups: own }) =>
        own.map(({ group, mean }) => {
          const title = groups.length > 1 ? `${name}, ${group}` : name;
          const axis = Math.max(...mean.flat()) < 0.2 ? 'series' : 'unit';
          const { chart, element } = this.#chart(title, name, axis);
          const curves = mean.map((values, episode): Curve => {
            const dash = DASHES[episode % DASHES.length] ?? [];
            const key = String(episode);
            const label = `episode ${episode + 1}`;
            return { key, label, color: 'vermillion', dash, width: 1.5, mean: values, quiet: true };
          });
          chart.show({ x, curves });
          return element;
        }),
      );
    fill(this.element, ...shown);
  }

  #chart(title: string, y: string, axis: 'series' | 'unit') {
    const key = `${title} ${axis}`;
    const known = this.#charts.get(key);
    if (known) return known;
    const chart = new Chart({ title, x: 'step', y, axis });
    chart.element.classList.add('small');
    const made = {
      chart,
      element: h('div', {}, chart.element, exportButtons(chart, title.replace(/\W+/g, '-'))),
    };
    this.#charts.set(key, made);
    return made;
  }
}
