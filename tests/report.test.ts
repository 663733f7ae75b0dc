import { describe, expect, it } from 'vitest';
import type { LossCurve } from '../src/report/data.ts';
import { renderReport } from '../src/report/html.ts';
import { lossScale, seriesScale } from '../src/report/scale.ts';
import { lossCurvesSvg, trainingSvg } from '../src/report/svg.ts';
import { lossPlot } from '../src/report/terminal.ts';
import { adam, curve, exploding, learned, report, sgd } from './reportSample.ts';

/** Every y coordinate of the paths of a figure. */
function heights(svg: string): number[] {
  return [...svg.matchAll(/<path d="([^"]+)"/g)].flatMap((path) =>
    [...(path[1] ?? '').matchAll(/[ML]-?[\d.e+]+ (-?[\d.e+]+)/g)].map((point) => Number(point[1])),
  );
}

/** The points of the one line of a figure drawn in a colour and width. */
function linePoints(svg: string, color: string, width: string): number {
  const paths = [...svg.matchAll(/<path d="([^"]+)"([^>]*)>/g)].filter(
    ([, , rest]) => rest?.includes(`stroke="${color}"`) && rest.includes(`stroke-width="${width}"`),
  );
  return paths.reduce((most, [, d]) => Math.max(most, (d?.match(/[ML]/g) ?? []).length), 0);
}

describe('renderReport', () => {
  it('states every number a reader needs', () => {
    const html = renderReport(report());
    for (const text of ['0.04210 ± 0.00084', '0.0563 ± 0.0011', '0.2210 ± 0.0044', 'lr 0.0316 (tuned)']) {
      expect(html).toContain(text);
    }
    for (const text of [
      'Loss at step 100',
      '128 unseen quadratics.',
      '3 min 20 s',
      '1.50 KiB',
      'Mesa 25.0.7',
    ]) {
      expect(html).toContain(text);
    }
    expect(html).toContain('60, of which 1 skipped');
    expect(html).toContain('coordwise train --seed 7 \\\n');
    expect(html).toContain('<dt>second derivatives</dt><dd>no</dd>');
    expect(html).toContain('best 0.0500 at 20');
    expect(html).toContain('trained horizon, step 50');
  });

  it('says that the times of a software adapter are not a GPU times, and only then', () => {
    expect(renderReport(report())).toContain("its times are not a GPU's");
    const gpu = { description: 'A GPU', kind: 'gpu' as const, driver: '1' };
    expect(renderReport(report({ adapter: gpu }))).not.toContain('software adapter');
  });

  it('makes no request, holds no script and forbids both', () => {
    const html = renderReport(report());
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/https?:|<script|<link|<img|@import|\s(?:src|href|on\w+)=/i);
    for (const [, target] of html.matchAll(/url\(([^)]*)\)/g)) expect(target).toMatch(/^#/);
  });

  it('has unique ids and refers only to ids that exist', () => {
    const html = renderReport(report());
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]);
    expect(ids.length).toBeGreaterThan(4);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of html.matchAll(/url\(#([^)]*)\)/g)) expect(ids).toContain(id);
    expect(html).not.toContain('zr0');
  });

  it('defines every CSS variable it uses, and leaves colours that need it to them', () => {
    const html = renderReport(report());
    const used = new Set([...html.matchAll(/var\((--\w+)\)/g)].map((match) => match[1]));
    expect(used.size).toBeGreaterThan(8);
    for (const name of used) expect(html).toContain(`${name}: `);
    expect(html.slice(html.indexOf('</style>'))).not.toContain('#0072B2');
  });

  it('gives the same text for the same data', () => {
    expect(renderReport(report())).toBe(renderReport(report()));
  });

  it('escapes every string', () => {
    const evil = '</title></svg><script>alert("x")</script>\' onload=1 &';
    const html = renderReport(
      report({
        title: evil,
        verdict: evil,
        createdAt: evil,
        command: evil,
        version: evil,
        adapter: { description: evil, kind: 'software', driver: evil },
        settings: { [evil]: evil },
        tasks: evil,
        curves: [
          { ...learned, label: evil, setting: evil },
          { ...adam, label: evil },
        ],
        extraFigures: [{ title: evil, caption: evil, svg: '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>' }],
      }),
    );
    expect(html).not.toMatch(/<script/i);
    expect(html).not.toContain('alert("x")');
    expect(html.match(/<\/title>/g)).toHaveLength(1);
    expect(html.match(/<svg/g)?.length).toBe(html.match(/<\/svg>/g)?.length);
    expect(html).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39; onload=1 &amp;');
  });

  it.each([
    '<p>no figure</p>',
    '<svg><script>1</script></svg>',
    '<svg onload="x()"></svg>',
    '<svg><a href="#x">x</a></svg>',
    '<svg><path fill="url(https://example.org/a)"/></svg>',
    '<svg></svg><b>x</b><svg></svg>',
  ])('refuses the extra figure %s', (svg) => {
    const extraFigures = [{ title: 'Gates', caption: '', svg }];
    expect(() => renderReport(report({ extraFigures }))).toThrow("The figure 'Gates'");
  });

  it('counts the extra figures on', () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0L1 1"/></svg>';
    const html = renderReport(report({ extraFigures: [{ title: 'Gates', caption: 'Over steps.', svg }] }));
    expect(html).toContain('<b>Figure 3.</b> Over steps.');
    expect(html).not.toContain('http://');
  });

  it('reads well without meta-training, and without curves', () => {
    const bare = renderReport(report({ training: [], validation: [] }));
    expect(bare).toContain('did no meta-training');
    expect(bare).not.toContain('Figure 2');
    expect(bare).not.toMatch(/NaN|Infinity|undefined/);
    expect(renderReport(report({ curves: [] }))).toContain('No optimizer was evaluated');
  });

  it('says where weights were chosen on another activation', () => {
    expect(renderReport(report({}))).toContain('nor reported above; the best weights');
    const html = renderReport(report({ settings: { 'validation.activation': 'relu' } }));
    expect(html).toContain('nor reported above, with the activation relu; the best weights');
  });

  it('shows a diverged baseline as such', () => {
    const html = renderReport(report({ curves: [learned, adam, exploding] }));
    expect(html.match(/diverged in 3 tasks/g)?.length).toBeGreaterThanOrEqual(4);
    expect(html).toContain('not finite');
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('stays under 400 KB with 10,000 meta-iterations and 10,001-step curves', () => {
    const long = (label: string, kind: LossCurve['kind'], at: number): LossCurve => {
      const mean = Array.from({ length: 10_001 }, (_, t) => at * (1 + 0.2 * Math.sin(t * t)) + 2 / (1 + t));
      return curve(label, kind, at, { mean, low: mean.map((x) => x / 2), high: mean.map((x) => x * 2) });
    };
    const training = Array.from({ length: 10_000 }, (_, i) => ({
      iteration: i,
      metaLoss: 5 + Math.sin(i * i),
      gradientNorm: 1,
      skipped: i % 7 === 0,
    }));
    const validation = training.map(({ iteration }) => ({
      iteration,
      finalLoss: 1,
      sumLoss: 2,
      best: false,
    }));
    const names = ['Adam', 'RMSprop', 'SGD', 'NAG', 'Momentum', 'Adagrad', 'Lion'];
    const curves = [
      long('Learned', 'learned', 0.1),
      ...names.map((name, i) => long(name, 'baseline', 0.2 + i)),
    ];
    const html = renderReport(report({ training, validation, curves }));
    expect(html.length).toBeLessThan(400_000);
    expect(html.match(/<tr/g)?.length).toBeLessThan(80);
  });
});

describe('lossCurvesSvg', () => {
  it('can stand alone with a title and a solid background', () => {
    const svg = lossCurvesSvg([learned, adam], { title: 'A <title>', background: true, theme: 'dark' });
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="820" height="440"/);
    expect(svg).toContain('<rect width="820" height="440" fill="#12161b"/>');
    expect(svg).toContain('A &lt;title&gt;');
    expect(svg).not.toContain('var(');
    expect(svg).toMatch(/role="img" aria-label="A &lt;title&gt;\. .*Learned 0\.0421, Adam 0\.0563\."/);
    expect(lossCurvesSvg([learned])).not.toContain('<rect');
  });

  it('draws the learned curve thick and gives no two baselines the same line', () => {
    const names = Array.from({ length: 12 }, (_, i) => curve(`B${i}`, 'baseline', 0.1 + i / 20));
    const svg = lossCurvesSvg([learned, ...names]);
    expect(linePoints(svg, '#D55E00', '3.25')).toBe(101);
    const lines = [...svg.matchAll(/stroke="(#\w+)" stroke-width="1.75"[^>]*?stroke-dasharray="([\d.,]+)"/g)];
    expect(lines).toHaveLength(12);
    expect(new Set(lines.map((line) => `${line[1]} ${line[2]}`)).size).toBe(12);
  });

  it('marks the trained horizon only where the curves go beyond it', () => {
    expect(lossCurvesSvg([learned], { horizon: 60 })).toContain('trained horizon, step 60');
    expect(lossCurvesSvg([learned], { horizon: 100 })).not.toContain('trained horizon');
  });

  it('samples long curves, first and last step included', () => {
    const mean = Array.from({ length: 10_001 }, (_, t) => 1 + 0.5 * Math.sin(t));
    const svg = lossCurvesSvg([curve('Learned', 'learned', 1, { mean, low: mean, high: mean })]);
    expect(linePoints(svg, '#D55E00', '3.25')).toBe(260);
  });

  it('keeps its axis and everything inside the figure when a baseline explodes', () => {
    const calm = lossScale([learned, adam, sgd], []);
    const wild = lossScale([learned, adam, sgd, exploding], []);
    expect(wild.high / calm.high).toBeLessThan(3.5);
    expect(wild.low).toBe(calm.low);
    const svg = lossCurvesSvg([learned, adam, exploding]);
    expect(svg).toContain('diverged in 3 tasks');
    expect(svg).not.toMatch(/NaN|Infinity/);
    const ys = heights(svg);
    expect(ys.length).toBeGreaterThan(200);
    expect(Math.min(...ys)).toBeGreaterThan(0);
    expect(Math.max(...ys)).toBeLessThan(440);
  });

  it.each([
    ['one step', [curve('A', 'learned', 1, { mean: [1], low: [1], high: [1] })]],
    ['no step', [curve('A', 'learned', 1, { mean: [], low: [], high: [] })]],
    ['zero losses', [curve('A', 'learned', 0, { mean: [1, 0, 0], low: [1, 0, 0], high: [1, 0, 0] })]],
    ['only NaN', [curve('A', 'baseline', Number.NaN, { mean: [Number.NaN, Number.NaN] })]],
    ['no curve', []],
  ])('draws %s', (_, curves) => {
    const svg = lossCurvesSvg(curves, { theme: 'page' });
    expect(svg).toMatch(/^<svg viewBox[\s\S]*<\/svg>$/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(lossPlot(curves, 60, 8, { color: false })).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('trainingSvg', () => {
  it('draws either part alone, and says when there is none', () => {
    const { training, validation } = report();
    expect(trainingSvg(training, [])).toContain('meta-loss');
    expect(trainingSvg([], validation)).toContain('validation loss at the last step');
    expect(trainingSvg([], [])).toContain('no meta-training was recorded');
    expect(trainingSvg(training, validation)).toContain('1 skipped');
  });

  it('marks where the stages of a curriculum begin', () => {
    const point = (iteration: number, number: number, horizon: number) => {
      return { iteration, finalLoss: 1 / number, sumLoss: 9, best: true, stage: { number, horizon } };
    };
    const validation = [point(0, 1, 100), point(50, 1, 100), point(50, 2, 200), point(90, 2, 200)];
    const svg = trainingSvg([], validation);
    expect(svg.match(/stroke-dasharray="4,3"/g)).toHaveLength(1);
    expect(svg).toContain('>200 steps</text>');
    expect(svg).toContain('Stages of the curriculum: 200 steps from meta-iteration 50.');
    expect(trainingSvg([], report().validation)).not.toContain('curriculum');
  });

  it('is not stretched by one exploding meta-loss', () => {
    const losses = Array.from({ length: 200 }, (_, i) => (i === 99 ? 1e30 : 2 + (i % 3)));
    expect(seriesScale(losses).high).toBeLessThan(200);
    expect(seriesScale(losses.map((loss) => loss - 3)).log).toBe(false);
  });
});
