import { baselines } from './baselines.ts';
import { forgetRun, keptRun } from './keep.ts';
import { serve } from './serve.ts';
import { Session } from './session.ts';
import { train } from './train.ts';

const session = new Session();

serve(globalThis as unknown as Parameters<typeof serve>[0], {
  open: async () => ({ adapter: (await session.context()).adapter }),
  train: (args, emit, signal) => train(session, args, emit, signal, () => {}),
  baselines: (args, emit, signal) => baselines(session, args, emit, signal),
  saved: async () => {
    const run = await keptRun();
    if (!run) return null;
    const { checkpoint: _, format: __, ...shown } = run;
    return shown;
  },
  forget: async () => {
    await forgetRun();
    return null;
  },
});
