/**
 * Draws the loss figure of a run as two SVG files, one for light and one for dark paper:
 *
 *   npx vite build --ssr tools/figure.ts --outDir .cache/figure --logLevel warn
 *   node .cache/figure/figure.js runs/demo/results.json docs/images/demo.svg "A title"
 *
 * The second file gets `-dark` before its ending. The trained horizon, where the run folder says it, is marked
 * when the losses go beyond it.
 */
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { CoordwiseError, parseConfig } from '../src/host/index.ts';
import { readFileChecked, writeFileAtomic } from '../src/node/index.ts';
import { lossCurvesSvg } from '../src/report/svg.ts';

const losses = z.array(z.number());
const curve = z.object({
  label: z.string(),
  kind: z.enum(['learned', 'baseline']),
  mean: losses.min(1),
  low: losses,
  high: losses,
  finalMean: z.number(),
  finalSpread: z.number(),
  finalError: z.number(),
  sumMean: z.number(),
  setting: z.string(),
  diverged: z.number(),
});
const results = z.object({ verdict: z.string(), curves: z.array(curve).min(1) });
const settings = z.object({ horizon: z.number().optional() });

function readJson(path: string, what: string): unknown {
  const text = new TextDecoder().decode(readFileChecked(path, what));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CoordwiseError(`${path} is not JSON`, 'give the results.json of a run folder', { cause });
  }
}

function draw(resultsPath: string, svgPath: string, title: string | undefined): void {
  const { curves, verdict } = parseConfig(results, readJson(resultsPath, 'the results'), resultsPath);
  const configPath = join(dirname(resultsPath), 'config.json');
  const { horizon } = parseConfig(settings, readJson(configPath, 'the settings'), configPath);
  for (const theme of ['light', 'dark'] as const) {
    const svg = lossCurvesSvg(curves, {
      theme,
      background: true,
      ...(title === undefined ? {} : { title }),
      ...(horizon === undefined ? {} : { horizon }),
    });
    const path = theme === 'light' ? svgPath : svgPath.replace(/\.svg$/, '-dark.svg');
    writeFileAtomic(path, `${svg}\n`);
    process.stdout.write(`${path}\n`);
  }
  process.stdout.write(`${verdict}\n`);
}

const [resultsPath, svgPath, title] = process.argv.slice(2);
if (resultsPath === undefined || svgPath === undefined || !svgPath.endsWith('.svg')) {
  process.stderr.write('usage: node .cache/figure/figure.js RESULTS.json PICTURE.svg [TITLE]\n');
  process.exitCode = 2;
} else {
  try {
    draw(resultsPath, svgPath, title);
  } catch (error) {
    if (!(error instanceof CoordwiseError)) throw error;
    process.stderr.write(`${error.message}.\n  Remedy: ${error.remedy}.\n`);
    process.exitCode = 1;
  }
}
