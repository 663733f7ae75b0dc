/**
 * Makes docs/results.md and the cards in pretrained/ from docs/results/*.json and pretrained/index.json:
 *
 *   npm run results
 *   npm run results -- runs/reproduce/mnist runs/transfer
 *
 * Folders that are named are taken in first: their results.json and figures go to docs/results, under the recipe's name, and a
 * transfer matrix under `transfer-matrix`.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { generatedDocuments } from '../src/cli/reproduce/documents.ts';
import { readResult } from '../src/cli/reproduce/readResults.ts';
import { CoordwiseError } from '../src/host/index.ts';
import { openNodeContext, packageFile, readFileChecked, writeFileAtomic } from '../src/node/index.ts';

/** Copies what one folder holds to where the documents keep it. */
function takeIn(folder: string): void {
  const result = readResult(join(folder, 'results.json'));
  const shipped = result.kind === 'recipe' && result.learned.every(({ pretrained }) => pretrained);
  const name =
    result.kind === 'transfer' ? 'transfer-matrix' : `${result.name}${shipped ? '-pretrained' : ''}`;
  const target = packageFile('docs', 'results');
  mkdirSync(target, { recursive: true });
  writeFileAtomic(join(target, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  for (const figure of readdirSync(folder).filter((file) => file.endsWith('.svg'))) {
    writeFileAtomic(join(target, `${name}.${figure}`), readFileChecked(join(folder, figure), 'the figure'));
  }
  process.stdout.write(`${folder}: docs/results/${name}.json\n`);
}

try {
  for (const folder of process.argv.slice(2)) takeIn(folder);
  const context = await openNodeContext();
  try {
    for (const [path, text] of generatedDocuments(context)) {
      writeFileAtomic(packageFile(path), text);
      process.stdout.write(`${path}\n`);
    }
  } finally {
    context.destroy();
  }
} catch (error) {
  if (!(error instanceof CoordwiseError)) throw error;
  process.stderr.write(`${error.message}.\n  Remedy: ${error.remedy}.\n`);
  process.exitCode = 1;
}
