import { at, expectLength } from './scalar.ts';

/** theta after a step, and the optimizer's state to give to the next one. */
export interface Step<State> {
  readonly theta: Float64Array;
  readonly state: State;
}

/** A moving average [N]; leave it out at the first step, where it is 0. */
export type Average = ArrayLike<number>;

/** Plain gradient descent: theta - lr g. All vectors [N]. */
export function sgd(theta: ArrayLike<number>, g: ArrayLike<number>, lr: number): Float64Array {
  expectLength('The gradient g', g, theta.length, 'theta');
  return Float64Array.from(theta, (x, i) => x - lr * at(g, i));
}

/** Heavy-ball momentum: m = beta m + g; theta - lr m. */
export function momentum(
  theta: ArrayLike<number>,
  g: ArrayLike<number>,
  settings: { readonly lr: number; readonly beta: number },
  state?: Average,
): Step<Float64Array> {
  const m = accumulate(state, settings.beta, g, 1);
  return { theta: sgd(theta, m, settings.lr), state: m };
}

/** Nesterov's accelerated gradient in PyTorch's form: m = beta m + g; theta - lr (g + beta m). */
export function nesterov(
  theta: ArrayLike<number>,
  g: ArrayLike<number>,
  settings: { readonly lr: number; readonly beta: number },
  state?: Average,
): Step<Float64Array> {
  const m = accumulate(state, settings.beta, g, 1);
  return { theta: sgd(theta, accumulate(m, settings.beta, g, 1), settings.lr), state: m };
}

/** RMSprop: v = alpha v + (1 - alpha) g^2; theta - lr g / (sqrt(v) + eps). */
export function rmsprop(
  theta: ArrayLike<number>,
  g: ArrayLike<number>,
  settings: { readonly lr: number; readonly alpha: number; readonly eps: number },
  state?: Average,
): Step<Float64Array> {
  const v = accumulate(state, settings.alpha, squared(g), 1 - settings.alpha);
  const direction = v.map((vi, i) => at(g, i) / (Math.sqrt(vi) + settings.eps));
  return { theta: sgd(theta, direction, settings.lr), state: v };
}

/** Adam's averages m and v [N] and the number of steps taken, t. */
export interface AdamState {
  readonly m: Average;
  readonly v: Average;
  readonly t: number;
}

/**
 * Adam (Kingma & Ba 2015, algorithm 1): m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * theta - lr mhat / (sqrt(vhat) + eps) with mhat = m / (1 - b1^t), vhat = v / (1 - b2^t), t = 1 at the first step.
 */
export function adam(
  theta: ArrayLike<number>,
  g: ArrayLike<number>,
  settings: { readonly lr: number; readonly beta1: number; readonly beta2: number; readonly eps: number },
  state?: AdamState,
): Step<AdamState> {
  const { lr, beta1, beta2, eps } = settings;
  const t = (state?.t ?? 0) + 1;
  const m = accumulate(state?.m, beta1, g, 1 - beta1);
  const v = accumulate(state?.v, beta2, squared(g), 1 - beta2);
  const direction = m.map((mi, i) => mi / (1 - beta1 ** t) / (Math.sqrt(at(v, i) / (1 - beta2 ** t)) + eps));
  return { theta: sgd(theta, direction, lr), state: { m, v, t } };
}

/**
 * AdamW (Loshchilov & Hutter 2019, algorithm 2) with a cosine schedule down to 0: Adam's step with the learning rate
 * lr_t = lr (1 + cos(pi (t - 1) / horizon)) / 2, and lr_t decay theta taken off besides.
 */
export function adamw(
  theta: ArrayLike<number>,
  g: ArrayLike<number>,
  settings: Parameters<typeof adam>[2] & { readonly decay: number; readonly horizon: number },
  state?: AdamState,
): Step<AdamState> {
  const share = Math.min((state?.t ?? 0) / settings.horizon, 1);
  const lr = (settings.lr * (1 + Math.cos(Math.PI * share))) / 2;
  const step = adam(theta, g, { ...settings, lr }, state);
  return { ...step, theta: step.theta.map((x, i) => x - lr * settings.decay * at(theta, i)) };
}

/** decay * average + weight * x; an average left out is 0. */
function accumulate(
  average: Average | undefined,
  decay: number,
  x: ArrayLike<number>,
  weight: number,
): Float64Array {
  if (average !== undefined) expectLength('The optimizer state', average, x.length, 'the gradient');
  return Float64Array.from(x, (xi, i) => decay * (average === undefined ? 0 : at(average, i)) + weight * xi);
}

function squared(g: ArrayLike<number>): Float64Array {
  return Float64Array.from(g, (gi) => gi * gi);
}
