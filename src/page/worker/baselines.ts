import { createBaseline, summarise, taskKeys, tuneBaseline } from '../../host/index.ts';
import type { BaselineArgs, BaselineCurve } from '../protocol.ts';
import { band } from './bands.ts';
import { parseRun } from './config.ts';
import { taskData } from './data.ts';
import { type Session, survive } from './session.ts';

/** Tunes hand-designed optimizers on the tasks that training validates on, and runs them there. */
export async function baselines(
  session: Session,
  { input, names }: BaselineArgs,
  emit: (curve: BaselineCurve) => void,
  signal: AbortSignal,
): Promise<null> {
  const { task, seed, horizon, validation } = parseRun(input);
  const data = await taskData(task, () => {});
  const keys = taskKeys(seed, 'validation', 0, validation.tasks);
  const options = { task, data, list: 'validation', horizon } as const;
  for (const name of names) {
    if (signal.aborted) return null;
    const curve = await survive(session, async (context): Promise<BaselineCurve> => {
      const { learningRate, beta } = await tuneBaseline(context, { name }, options, keys);
      const evaluator = createBaseline(context, { name }, { ...options, tasks: validation.tasks });
      try {
        await evaluator.prepare();
        evaluator.optimizer.set({ learningRate, ...(beta !== undefined && { beta }) });
        return { name, learningRate, ...band(summarise(await evaluator.run(keys))) };
      } finally {
        evaluator.destroy();
      }
    });
    emit(curve);
  }
  return null;
}
