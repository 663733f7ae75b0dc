import { baselines } from './baselines.ts';
import { gates, landscape } from './gates.ts';
import { forgetRun } from './keep.ts';
import { Library } from './library.ts';
import { race } from './race.ts';
import { serve } from './serve.ts';
import { Session } from './session.ts';
import { savedRun, train } from './train.ts';

const session = new Session();
const library = new Library();

serve(globalThis as unknown as Parameters<typeof serve>[0], {
  open: async () => ({ adapter: (await session.context()).adapter }),
  train: (args, emit, signal) => train(session, library, args, emit, signal),
  baselines: (args, emit, signal) => baselines(session, args, emit, signal),
  saved: () => savedRun(session, library),
  forget: async () => {
    await forgetRun();
    return null;
  },
  weights: () => library.list(),
  load: async ({ name, bytes }) => library.takeFile(await session.context(), name, bytes),
  export: async ({ id }) => library.encode(id),
  race: (args, emit, signal) => race(session, library, args, emit, signal),
  gates: (args, emit) => gates(session, library, args, emit),
  landscape: (args) => landscape(session, args),
});
