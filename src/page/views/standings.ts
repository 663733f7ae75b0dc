import { formatLoss, formatPlusMinus } from '../../report/format.ts';
import { swatch } from '../chart.ts';
import { fill, h } from '../dom.ts';
import type { RaceEvent } from '../protocol.ts';
import type { Runner } from './entrants.ts';

/** What is known of a runner so far. */
export interface Progress {
  readonly runner: Runner;
  /** The share of its tuning that is done. */
  tuned: number;
  setting: string;
  part: Extract<RaceEvent, { kind: 'part' }> | undefined;
  end: Extract<RaceEvent, { kind: 'end' }> | undefined;
  failure: string | undefined;
}

const finalOf = ({ end }: Progress) => end?.final ?? Number.POSITIVE_INFINITY;
const byLoss = (all: readonly Progress[]) => [...all].sort((a, b) => finalOf(a) - finalOf(b));

/** Who won; losses that read alike are no win. */
export function verdict(all: readonly Progress[], horizon: number): string {
  const [first, second] = byLoss(all);
  if (!first?.end) return 'Nobody arrived.';
  const loss = formatLoss(first.end.final);
  const at = `${loss} at step ${horizon}`;
  const name = first.runner.label;
  if (!second || !Number.isFinite(finalOf(second))) return `${name} wins: ${at}.`;
  const behind = formatLoss(finalOf(second));
  return behind === loss
    ? `${name} and ${second.runner.label} arrive together: ${at}.`
    : `${name} wins: ${at}, ahead of ${second.runner.label} at ${behind}.`;
}

/** Losses at the last step, best first, as a table in `element`. */
export function showStandings(element: Element, all: readonly Progress[]): void {
  const head = ['Optimizer', 'Loss at the end', 'Runs with'].map((text) => h('th', { scope: 'col' }, text));
  const rows = byLoss(all).map(({ runner, end, setting, failure }) => {
    const diverged = end && end.diverged > 0 ? ` (${end.diverged} diverged)` : '';
    const loss = failure ?? (end ? `${formatPlusMinus(end.final, end.error)}${diverged}` : '');
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, swatch(runner), runner.label),
      h('td', {}, loss),
      h('td', {}, setting),
    );
  });
  fill(
    element,
    h(
      'table',
      {},
      h('caption', { class: 'hidden' }, 'Losses at the last step, best first'),
      h('thead', {}, h('tr', {}, ...head)),
      h('tbody', {}, ...rows),
    ),
  );
}
