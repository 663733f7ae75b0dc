import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { ParameterGroup } from '../ops/coordinates.ts';
import {
  recordQuadraticBackward,
  recordQuadraticForward,
  recordQuadraticRForward,
} from '../ops/quadratic.ts';
import { recordNormal, recordUniform } from '../ops/random.ts';
import type { Optimizee, TaskTensors } from './optimizee.ts';

export interface QuadraticSettings {
  readonly dimension: number;
  /** W and y ~ U(0, 1) (the released code) or N(0, 1) (the paper's text). */
  readonly distribution: 'uniform' | 'gaussian';
  /** Starting points ~ N(0, initialScale^2). */
  readonly initialScale: number;
}

/** Problems handed in instead of drawn: W [B, D, D], y [B, D], theta0 [B, D]. */
export interface GivenQuadratics {
  readonly W: Float32Array;
  readonly y: Float32Array;
  readonly theta0: Float32Array;
}

/** All parameters of a quadratic: there are no layers. */
export function quadraticGroups(dimension: number): ParameterGroup[] {
  return [{ name: 'theta', kind: 'theta', offset: 0, count: dimension }];
}

/**
 * loss_b = sum over D of (W_b theta_b - y_b)^2, the synthetic problem of Andrychowicz et al. 2016, section 3.1.
 */
export function createQuadratic(
  pool: TensorPool,
  tasks: number,
  settings: QuadraticSettings,
  { keys, secondDerivatives = false }: TaskTensors,
  given?: GivenQuadratics,
): Optimizee {
  const { dimension, distribution, initialScale } = settings;
  const W = pool.tensor('quadratic W', [tasks, dimension, dimension]);
  const y = pool.tensor('quadratic y', [tasks, dimension]);
  const residual = pool.tensor('quadratic residual', [tasks, dimension]);
  /** Stands for the gradient where nobody wants it. */
  const unwanted = pool.tensor('unwanted gradient', [4]);
  const rresidual = secondDerivatives ? pool.tensor('quadratic R residual', [tasks, dimension]) : undefined;
  const theta0 = given ? pool.tensor('given theta0', [tasks, dimension]) : undefined;

  return {
    description: `quadratic, ${dimension} dimensions, ${distribution}`,
    tasks,
    parameters: dimension,
    groups: quadraticGroups(dimension),
    upload() {
      if (!given || !theta0) return;
      writeTensor(pool.context, W, given.W);
      writeTensor(pool.context, y, given.y);
      writeTensor(pool.context, theta0, given.theta0);
    },
    recordReset(program, theta) {
      if (theta0) {
        program.copy(theta0, theta.view('theta', 0, theta0.shape));
        return;
      }
      const draw = (target: Tensor, count: number, stream: number) => {
        const span = { count, stride: count, offset: 0, stream };
        if (distribution === 'uniform') recordUniform(program, keys, target, { ...span, low: 0, high: 1 });
        else recordNormal(program, keys, target, { ...span, scale: 1 });
      };
      draw(W, dimension * dimension, STREAMS.problemMatrix);
      draw(y, dimension, STREAMS.problemVector);
      const span = { count: dimension, stride: dimension, offset: 0 };
      recordNormal(program, keys, theta, { ...span, stream: STREAMS.start, scale: initialScale });
    },
    recordSample() {},
    recordLoss(program, theta, losses, slot) {
      const tensors = { W, y, v: theta, residual, losses, gradient: unwanted };
      recordQuadraticForward(program, tensors, dimension, { slot, withGradient: false });
    },
    recordLossAndGradient(program, theta, tensors, slot) {
      recordQuadraticForward(program, { W, y, v: theta, residual, ...tensors }, dimension, {
        slot,
        withGradient: true,
      });
    },
    recordGradient(program, _theta, gradient) {
      recordQuadraticBackward(program, { W, residual, gradient }, dimension);
    },
    ...(rresidual && {
      recordHessianVector(program: Program, _theta: Tensor, v: Tensor, product: Tensor) {
        recordQuadraticRForward(program, { W, v, rresidual }, dimension);
        recordQuadraticBackward(program, { W, residual: rresidual, gradient: product }, dimension);
      },
    }),
  };
}
