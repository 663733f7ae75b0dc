import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CoordwiseError, decodeSafeTensors, type GpuContext, runGradientCase } from '../src/host/index.ts';
import type { Check } from './check.ts';

/** The cases of what is measured here: l2l in first order. */
const MEASURED = /^l2l_.*_first\.safetensors$/;

/**
 * Recomputes PyTorch's gradient cases in `folder` through the same unroll as training; the largest error of a
 * case's losses, theta and blocks of the meta-gradient.
 * @throws CoordwiseError when the folder holds no case.
 */
export async function checkCases(context: GpuContext, folder: string): Promise<Check[]> {
  const files = readdirSync(folder).filter((file) => MEASURED.test(file));
  if (files.length === 0) {
    throw new CoordwiseError(`${folder} holds no first-order l2l case`, 'take the cases from the repository');
  }
  const checks: Check[] = [];
  for (const file of files) {
    const results = await runGradientCase(
      context,
      decodeSafeTensors(readFileSync(join(folder, file)), file),
      file,
    );
    // Math.max gives NaN when one of them is.
    const error = Math.max(...results.map(({ relativeError }) => relativeError));
    checks.push({
      name: `${basename(file, '.safetensors')}: worst of ${results.length} tensors`,
      against: 'PyTorch autograd, float64',
      error,
      tolerance: 1e-4,
    });
  }
  return checks;
}
