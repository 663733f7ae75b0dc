import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createLearned, type GpuContext, TensorPool } from '../../host/index.ts';
import { packageFile } from '../../node/index.ts';
import { modelCard } from '../../report/modelCard.ts';
import { type NamedResult, resultsMarkdown } from '../../report/resultsMarkdown.ts';
import { readShipped } from '../shipped.ts';
import { readWeights } from '../weights.ts';
import { readResult } from './readResults.ts';
import { loadTraining, VARIANT_WORDS } from './recipe.ts';

/** The order of docs/results.md; what is not here comes after, by name. */
const ORDER = [
  'quadratics',
  'mnist',
  'mnist-200',
  'transfer',
  'long-horizon',
  'fashion-convnet',
  'gates',
  'few-shot',
  'one-shot',
  'digits',
];

const rank = (name: string): number => {
  const index = ORDER.indexOf(name.replace(/-pretrained$/, ''));
  return index < 0 ? ORDER.length : index;
};

/** The results that are kept with the documents. */
function keptResults(folder: string): NamedResult[] {
  const files = readdirSync(folder).sort();
  const names = files.filter((file) => file.endsWith('.json')).map((file) => basename(file, '.json'));
  const figuresOf = (name: string) => {
    const own = files.filter((file) => file.startsWith(`${name}.`) && file.endsWith('-dark.svg'));
    return Object.fromEntries(
      own.map((dark) => {
        const test = dark.slice(name.length + 1, -'-dark.svg'.length);
        return [test, { light: `results/${name}.${test}.svg`, dark: `results/${dark}` }];
      }),
    );
  };
  return names
    .map((name) => ({ name, result: readResult(join(folder, `${name}.json`)), figures: figuresOf(name) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

/**
 * The documents that are made from files and never written by hand: docs/results.md and the card of every shipped weights
 * file, as paths below the package with their text.
 * @param context is asked what optimizers are; nothing runs on it
 */
export function generatedDocuments(context: GpuContext): Map<string, string> {
  const folder = packageFile('docs', 'results');
  const results = existsSync(folder) ? keptResults(folder) : [];
  const documents = new Map([['docs/results.md', resultsMarkdown(results)]]);
  const shipped = readShipped();
  for (const [name, facts] of Object.entries(shipped.weights)) {
    const { file } = readWeights(name, true);
    const learned = createLearned(new TensorPool(context), file.optimizer);
    const { about } = loadTraining(facts.training, packageFile('recipes', 'trainings'));
    const card = modelCard({
      name,
      facts,
      about,
      optimizer: `${learned.description}; ${learned.weightCount} weights`,
      bytes: statSync(packageFile('pretrained', `${name}.safetensors`)).size,
      isDefault: name === shipped.default,
      variants: VARIANT_WORDS.map((words) => [name, ...words].join('-')),
      results: results.map(({ result }) => result),
    });
    documents.set(`pretrained/${name}.md`, card);
  }
  return documents;
}
