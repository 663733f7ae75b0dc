import { ConfigError, decodeSafeTensors, runGradientCase } from '../host/index.ts';
import { readFileChecked } from '../node/index.ts';
import type { Values } from './options.ts';
import { Output } from './output.ts';
import { adapterFrom, withDevice } from './session.ts';
import { number } from './settings.ts';
import { EXIT } from './usage.ts';

/** Recomputes a gradient case and compares tensor by tensor. Returns the exit code: failed above the tolerance. */
export async function gradient(path: string, values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const tolerance = number(values, 'tolerance') ?? 1e-3;
  if (!(tolerance > 0)) {
    throw new ConfigError(
      `--tolerance is ${tolerance}, but must be greater than 0`,
      'for example --tolerance 1e-3',
    );
  }
  const adapter = adapterFrom(values);
  const file = decodeSafeTensors(readFileChecked(path, 'the gradient case'), path);
  return withDevice(adapter, output, async (context) => {
    const results = await runGradientCase(context, file, path);
    const width = Math.max(...results.map(({ name }) => name.length));
    for (const { name, relativeError } of results) {
      const mark = relativeError <= tolerance ? '' : '  ABOVE THE TOLERANCE';
      output.say(`${name.padEnd(width)}  ${relativeError.toExponential(2)}${mark}`);
    }
    const holds = results.every(({ relativeError }) => relativeError <= tolerance);
    output.say(`${path}: ${holds ? 'holds' : 'does not hold'} to ${tolerance}`);
    output.result({ case: path, tolerance, holds, results });
    return holds ? EXIT.done : EXIT.failed;
  });
}
