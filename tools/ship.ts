/**
 * Takes the best weights of a run folder into pretrained/, where the package has them:
 *
 *   npm run ship -- runs/reproduce/trainings/l2l-mnist/seed-1 l2l-mnist [--default]
 *
 * The run must be one of the training of that name (recipes/trainings), finished. `npm run results` then writes its card.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { shippedFacts } from '../src/cli/reproduce/ship.ts';
import { readShipped, type Shipped } from '../src/cli/shipped.ts';
import { CoordwiseError } from '../src/host/index.ts';
import { openNodeContext, packageFile, RunFolder, writeFileAtomic } from '../src/node/index.ts';

async function ship(path: string, name: string, isDefault: boolean): Promise<void> {
  const context = await openNodeContext();
  try {
    const { facts, bytes } = await shippedFacts(context, RunFolder.open(path), name);
    const index = packageFile('pretrained', 'index.json');
    const before: Shipped = existsSync(index) ? readShipped() : { default: name, weights: {} };
    const weights = Object.entries({ ...before.weights, [name]: facts }).sort(([a], [b]) => (a < b ? -1 : 1));
    const after: Shipped = {
      default: isDefault ? name : before.default,
      weights: Object.fromEntries(weights),
    };
    writeFileAtomic(packageFile('pretrained', `${name}.safetensors`), bytes);
    writeFileAtomic(index, `${JSON.stringify(after, null, 2)}\n`);
    const where = join('pretrained', `${name}.safetensors`);
    process.stdout.write(`${where}: ${bytes.length} bytes, ${JSON.stringify(facts.check)}\n`);
  } finally {
    context.destroy();
  }
}

const args = process.argv.slice(2);
const [path, name] = args.filter((arg) => !arg.startsWith('--'));
if (path === undefined || name === undefined) {
  process.stderr.write('usage: npm run ship -- RUN NAME [--default]\n');
  process.exitCode = 2;
} else {
  try {
    await ship(path, name, args.includes('--default'));
  } catch (error) {
    if (!(error instanceof CoordwiseError)) throw error;
    process.stderr.write(`${error.message}.\n  Remedy: ${error.remedy}.\n`);
    process.exitCode = 1;
  }
}
