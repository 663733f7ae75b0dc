import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { ConfigError, type CoordwiseError } from '../host/errors.ts';
import type { GpuContext } from '../host/gpu/context.ts';
import { fastestLstm, LSTM_TIMED, type LstmTiming, timeLstmVariants } from '../host/ops/lstmTiming.ts';
import {
  chooseLstmVariant,
  LSTM_VARIANTS,
  type LstmVariant,
  lstmCandidates,
  lstmVariant,
} from '../host/ops/lstmVariants.ts';
import { cacheFolder } from './adapter.ts';
import { fileError, readJsonFile, writeFileAtomic } from './files.ts';

/** Environment variable that says which LSTM kernels to take. */
const VARIABLE = 'COORDWISE_LSTM';
const CHOICES = ['auto', 'default', ...LSTM_VARIANTS] as const;

/** How the LSTM kernels of a device were chosen. */
export interface KernelChoice {
  readonly variant: LstmVariant;
  /** For people, after the variant's name. */
  readonly reason: string;
  /** Of now or of the run that stored the choice; empty where nothing was timed. */
  readonly timings: readonly LstmTiming[];
}

/** A kernel choice as it is stored: by adapter, driver and what was timed. */
const storedSchema = z.record(
  z.string(),
  z.object({
    variant: z.enum(LSTM_VARIANTS),
    timings: z.array(z.object({ variant: z.enum(LSTM_VARIANTS), ms: z.number() })),
  }),
);
type Stored = z.infer<typeof storedSchema>;

export interface KernelChoiceOptions {
  /** What a run took before: it goes on with the same kernels, hence to the same bits, on adapters that run them. */
  readonly variant?: LstmVariant | undefined;
  readonly folder?: string;
  /** Told before variants are timed, which takes some seconds where they are compiled for the first time. */
  readonly onTiming?: (what: string) => void;
}

/**
 * Chooses the LSTM kernels of a device: those asked for by `variant` or COORDWISE_LSTM (`plain`, `subgroups`; `default`: by the kind of
 * adapter, without timing), else the fastest. Variants are timed once an adapter and driver; kernels.json in the cache folder keeps the choice, so that the
 * same seed gives the same bits every time.
 * @throws ConfigError where the device does not run what is asked for
 */
export async function chooseKernels(
  context: GpuContext,
  options: KernelChoiceOptions = {},
): Promise<KernelChoice> {
  const candidates = lstmCandidates(context);
  const own = candidates.find((variant) => variant === options.variant);
  const asked = own ?? fromEnvironment();
  if (asked === 'default')
    return { variant: lstmVariant(context), reason: `${VARIABLE}=default`, timings: [] };
  if (asked !== 'auto') {
    chooseLstmVariant(context, asked);
    return { variant: asked, reason: own ? "the run's own" : `${VARIABLE}=${asked}`, timings: [] };
  }
  const [only, other] = candidates;
  if (only && !other) return { variant: only, reason: 'the only ones this adapter runs', timings: [] };
  const path = join(options.folder ?? cacheFolder(), 'kernels.json');
  const key = keyOf(context);
  const known = readStored(path)[key];
  const choice = known ?? (await time(context, options));
  const failure = known ? undefined : store(path, key, choice);
  if (failure)
    return { ...choice, variant: lstmVariant(context), reason: `by the kind of adapter: ${failure.message}` };
  chooseLstmVariant(context, choice.variant);
  const reason = `the fastest when timed on ${LSTM_TIMED}, kept in ${path}`;
  return { ...choice, reason };
}

async function time(context: GpuContext, { onTiming }: KernelChoiceOptions): Promise<Stored[string]> {
  onTiming?.(`Timing the LSTM kernels (${lstmCandidates(context).join(', ')}), once on this adapter`);
  const timings = await timeLstmVariants(
    context,
    context.adapter.kind === 'software' ? processorMs : undefined,
  );
  return { variant: fastestLstm(timings, lstmVariant(context)), timings };
}

/** A software adapter's work is this process's own; what others do meanwhile does not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function fromEnvironment(): (typeof CHOICES)[number] {
  const value = process.env[VARIABLE] ?? 'auto';
  const choice = CHOICES.find((known) => known === value);
  if (choice) return choice;
  throw new ConfigError(
    `${VARIABLE} is ${JSON.stringify(value)}, which is no choice of kernels`,
    `set it to one of: ${CHOICES.join(', ')}`,
  );
}

/** Whatever changes which kernels are fast: the adapter with its driver, what was timed, and the kernels' generation. */
function keyOf({ adapter, subgroupLanes }: GpuContext): string {
  const { description, vendor, architecture } = adapter;
  return [GENERATION, description, vendor, architecture, `${subgroupLanes} lanes`, LSTM_TIMED].join(' | ');
}

/** To be raised when the LSTM kernels change: stored choices are then made anew. */
const GENERATION = 'kernels 6';

/** Nothing where the file is missing or unreadable: it is a cache. */
function readStored(path: string): Stored {
  if (!existsSync(path)) return {};
  try {
    const parsed = storedSchema.safeParse(readJsonFile(path, 'the chosen kernels'));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}

/** An error where nothing could be kept: the next process would choose anew, perhaps otherwise. */
function store(path: string, key: string, { variant, timings }: Stored[string]): CoordwiseError | undefined {
  const all = { ...readStored(path), [key]: { variant, timings } };
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileAtomic(path, `${JSON.stringify(all, null, 1)}\n`);
    return undefined;
  } catch (error) {
    return fileError(error, `cannot write ${path}`);
  }
}
