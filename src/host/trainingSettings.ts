import * as z from 'zod';
import { TEACHER_RATES, TEACHERS } from './optimizers/teachers.ts';
import { between, count } from './settingTypes.ts';

/** Settings of how meta-training goes about long horizons; config.ts puts them into the schema of a run. */

export const curriculumSetting = z
  .strictObject({
    horizons: z.array(count(1_000_000)).min(2).max(64),
    /** Validations without a better one after which a stage ends before its share of the meta-steps. */
    patience: count(100_000).default(5),
  })
  .optional();

export const imitationSetting = z
  .strictObject({
    teacher: z.enum(TEACHERS),
    ratio: between(1e-3, 1).default(0.2),
    learningRate: between(1e-9, 1000).optional(),
  })
  .transform((given) => ({ ...given, learningRate: given.learningRate ?? TEACHER_RATES[given.teacher] }))
  .optional();

export const pesSetting = z
  .strictObject({
    /** Standard deviation of the perturbations of phi. */
    sigma: between(1e-5, 10).default(0.01),
    /** Antithetic pairs a meta-step: two unrolls each, on `tasks` tasks of their own. */
    pairs: count(1024).default(4),
  })
  .optional();

/** Complains where a run cannot have its curriculum. */
export function checkCurriculum(
  config: {
    readonly curriculum?: z.infer<typeof curriculumSetting>;
    readonly horizon: number;
    readonly unroll: number;
    readonly iterations: number;
  },
  isEpisode: boolean,
  complain: (path: string[], message: string) => void,
): void {
  const { horizon, unroll, iterations } = config;
  const horizons = config.curriculum?.horizons ?? [];
  const refuse = (message: string) =>
    complain(['curriculum', 'horizons'], `is ${horizons.join(',')}, but ${message}`);
  const last = horizons.at(-1) ?? 0;
  if (isEpisode) refuse('few-shot episodes have one length');
  const small = horizons.find((steps, index) => index > 0 && steps <= (horizons[index - 1] ?? 0));
  if (small !== undefined) refuse(`must grow: ${small} is not more than the horizon before it`);
  const odd = horizons.find((steps) => steps % unroll !== 0);
  if (odd !== undefined) refuse(`must hold multiples of the unroll, ${unroll}: ${odd} is none`);
  if (horizon !== last) complain(['horizon'], `is ${horizon}, but must be the curriculum's last, ${last}`);
  const least = Math.ceil(last / unroll) * horizons.length;
  if (iterations >= least) return;
  const why = `so that each of the ${horizons.length} stages has an episode`;
  complain(['iterations'], `is ${iterations}, but must be at least ${least}, ${why}`);
}
