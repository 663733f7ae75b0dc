import type { Schedule } from '../config.ts';
import { recordCosineUpdate } from '../ops/schedule.ts';
import type { Optimizer } from './optimizer.ts';

/**
 * `optimizer` whose updates theta_{t+1} - theta_t are multiplied by the schedule's value at step t of `horizon`, once they are
 * made: what it sees and remembers is as ever. For running only.
 * @throws RangeError when it is bound for training, as the way back does not know the schedule.
 */
export function scheduled<T extends Optimizer>(optimizer: T, schedule: Schedule, horizon: number): T {
  if (schedule === 'constant') return optimizer;
  return {
    ...optimizer,
    description: `${optimizer.description}, updates along a cosine`,
    bind(binding) {
      if (binding.training) throw new RangeError('updates along a schedule cannot be trained through');
      const own = optimizer.bind(binding);
      const { recordStates: _, ...rest } = own;
      return {
        ...rest,
        recordStep(program, step, tensors) {
          own.recordStep(program, step, tensors);
          const { theta, next } = tensors;
          recordCosineUpdate(program, { clock: binding.clock, theta, next }, { step, horizon });
        },
      };
    },
  };
}
