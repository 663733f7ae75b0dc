/** Losses of evaluated tasks: `values[task * (horizon + 1) + step]`; of tasks with a query set, the losses on it. */
export interface LossMatrix {
  readonly tasks: number;
  readonly horizon: number;
  readonly values: Float64Array;
  /** Accuracies on the query set, laid out as `values`; absent where tasks have no classes to query. */
  readonly accuracy?: Float64Array;
  /** theta [tasks, horizon + 1, N], where it was asked for. */
  readonly path?: Float32Array;
}

/** Summary over tasks; a task whose loss is not finite makes the means infinite and is counted. */
export interface LossSummary {
  /** Mean over tasks at steps 0 .. horizon. */
  readonly mean: readonly number[];
  /** Standard deviation over tasks at steps 0 .. horizon (n - 1 in the denominator; 0 for one task). */
  readonly deviation: readonly number[];
  readonly finalMean: number;
  readonly finalDeviation: number;
  /** Standard error of finalMean. */
  readonly finalError: number;
  /** Sum of the losses of steps 0 .. horizon, mean over tasks. */
  readonly sumMean: number;
  /** Tasks with a loss that is not finite. */
  readonly diverged: number;
  /** Of tasks whose query set is classified. */
  readonly accuracy?: AccuracySummary;
}

/** Shares of the query set classified right. */
export interface AccuracySummary {
  /** Mean over tasks at steps 0 .. horizon. */
  readonly mean: readonly number[];
  /** At the horizon, mean over tasks. */
  readonly final: number;
  /** Half the width of the 95 % confidence interval of `final`: 1.96 standard errors. */
  readonly interval: number;
}

/** How many losses, up to that of a step, its loss is a mean over: 1 below step 200, 100 at step 10,000. */
function lossWindow(step: number): number {
  return Math.max(1, Math.floor(step / 100));
}

/** The loss at a step: in a long run the mean over the last hundredth of the steps, as one minibatch says little there. */
export function lossAtStep(losses: ArrayLike<number>, step: number): number {
  const window = lossWindow(step);
  let sum = 0;
  for (let t = step - window + 1; t <= step; t++) sum += losses[t] ?? Number.NaN;
  return sum / window;
}

/** Mean of one number a task, with half the width of its 95 % confidence interval (normal, as few-shot papers give). */
export function meanWithInterval(values: readonly number[]): { mean: number; interval: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, values.length - 1));
  return { mean, interval: (1.96 * deviation) / Math.sqrt(values.length) };
}

function summariseAccuracy(tasks: number, horizon: number, values: Float64Array): AccuracySummary {
  const at = (step: number) =>
    Array.from({ length: tasks }, (_, task) => values[task * (horizon + 1) + step] ?? Number.NaN);
  const steps = Array.from({ length: horizon + 1 }, (_, step) => meanWithInterval(at(step)));
  const last = steps.at(-1) ?? { mean: Number.NaN, interval: Number.NaN };
  return { mean: steps.map(({ mean }) => mean), final: last.mean, interval: last.interval };
}

export function summarise({ tasks, horizon, values, accuracy }: LossMatrix): LossSummary {
  const mean: number[] = [];
  const deviation: number[] = [];
  for (let step = 0; step <= horizon; step++) {
    let sum = 0;
    for (let task = 0; task < tasks; task++) sum += values[task * (horizon + 1) + step] ?? Number.NaN;
    const average = sum / tasks;
    let squares = 0;
    for (let task = 0; task < tasks; task++) {
      squares += ((values[task * (horizon + 1) + step] ?? Number.NaN) - average) ** 2;
    }
    mean.push(Number.isFinite(average) ? average : Number.POSITIVE_INFINITY);
    deviation.push(Number.isFinite(squares) ? Math.sqrt(squares / Math.max(1, tasks - 1)) : 0);
  }
  let diverged = 0;
  for (let task = 0; task < tasks; task++) {
    const losses = values.subarray(task * (horizon + 1), (task + 1) * (horizon + 1));
    if (!losses.every(Number.isFinite)) diverged++;
  }
  const finalMean = mean.at(-1) ?? Number.NaN;
  const finalDeviation = deviation.at(-1) ?? Number.NaN;
  return {
    mean,
    deviation,
    finalMean,
    finalDeviation,
    finalError: finalDeviation / Math.sqrt(tasks),
    sumMean: mean.reduce((sum, value) => sum + value, 0),
    diverged,
    ...(accuracy && { accuracy: summariseAccuracy(tasks, horizon, accuracy) }),
  };
}
