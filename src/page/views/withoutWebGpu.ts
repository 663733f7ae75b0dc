import { h } from '../dom.ts';
import type { BaselineCurve, ValidationPoint } from '../protocol.ts';
import recordedUrl from '../recorded.json?url';
import { LearnCharts } from './learnCharts.ts';

/** As tools/recordPage.ts writes it. */
interface Recorded {
  readonly title: string;
  readonly adapter: string;
  readonly iterations: number;
  /** Of an episode. */
  readonly unrolls: number;
  readonly losses: readonly number[];
  readonly validations: readonly ValidationPoint[];
  readonly baselines: readonly BaselineCurve[];
}

/** What is shown where there is no WebGPU: why, what to do, and a run that was recorded elsewhere. */
export async function withoutWebGpu(error: unknown): Promise<HTMLElement> {
  const recorded = (await (await fetch(recordedUrl)).json()) as Recorded;
  const why = 'gpu' in navigator && error instanceof Error ? error.message : 'this browser has no WebGPU';
  const charts = new LearnCharts();
  charts.reset(recorded.iterations, recorded.unrolls);
  for (const curve of recorded.baselines) charts.addBaseline(curve);
  charts.showHistory(recorded.validations, recorded.losses);
  const ways = [
    [
      'Chrome and Edge',
      'from 113 on Windows, macOS and ChromeOS, from 121 on Android; on Linux set chrome://flags/#enable-unsafe-webgpu.',
    ],
    ['Safari', 'from 26 on macOS, iOS and iPadOS.'],
    [
      'Firefox',
      'from 141 on Windows, from 145 on Apple silicon; elsewhere set dom.webgpu.enabled in about:config.',
    ],
  ] as const;
  return h(
    'section',
    { class: 'view without' },
    h(
      'div',
      { class: 'lead' },
      h('h1', {}, 'This page needs WebGPU'),
      h(
        'p',
        {},
        `Nothing can be trained here: ${why}. Hardware acceleration must be on in the browser’s settings.`,
      ),
    ),
    h('ul', {}, ...ways.map(([name, text]) => h('li', {}, h('strong', {}, name), `: ${text}`))),
    h('h2', { class: 'recorded' }, 'A run that was recorded elsewhere'),
    h('p', {}, `${recorded.title}, on ${recorded.adapter}.`),
    charts.heldOut.element,
    charts.metaLoss.element,
  );
}
