import { readFileSync } from 'node:fs';
import { ownStream, recordNormal, recordReduceRows, THREEFRY_WGSL } from 'coordwise';

/**
 * Logistic regression on made-up data, as a problem of a program's own: only `coordwise` is imported, and the arithmetic
 * is the four .wgsl files beside this one. A task is a data set of `examples` points with labels from hidden weights; all
 * of it is a function of the task's key.
 */

const shader = (name) => readFileSync(new URL(`shaders/${name}.wgsl`, import.meta.url), 'utf8');
const sizes = { examples: 'u32', parameters: 'u32' };

/** A kernel is data: its code, its bindings in order, the fields of its `Params`. */
const labelsKernel = {
  name: 'logisticRegression/labels',
  code: shader('labels'),
  libraries: [THREEFRY_WGSL],
  tensors: { keys: 'read', x: 'read', hidden: 'read', y: 'readWrite' },
  params: { ...sizes, stream: 'u32' },
};
const forwardKernel = {
  name: 'logisticRegression/forward',
  code: shader('forward'),
  tensors: { x: 'read', y: 'read', theta: 'read', exampleLoss: 'readWrite', slope: 'readWrite' },
  params: sizes,
};
const gradientKernel = {
  name: 'logisticRegression/gradient',
  code: shader('gradient'),
  tensors: { x: 'read', slope: 'read', gradient: 'readWrite' },
  params: sizes,
};
const rSlopeKernel = {
  name: 'logisticRegression/rSlope',
  code: shader('rSlope'),
  tensors: { x: 'read', slope: 'read', v: 'read', rSlope: 'readWrite' },
  params: sizes,
};

/** What each random number is for: streams of their own, so that no two draws share one. */
const STREAMS = { x: ownStream(0), hidden: ownStream(1), labels: ownStream(2), start: ownStream(3) };

/**
 * @param parameters N: features of an example, and weights of a task
 * @param examples points of a task's data set
 * @param hessian whether the problem brings the R-kernels that second order needs
 */
export function logisticRegression({ parameters, examples, hessian }) {
  return {
    create: (pool, tasks) => (tensors) => {
      const { keys, secondDerivatives } = tensors;
      // Planned now, allocated with everything else.
      const x = pool.tensor('data x', [tasks, examples, parameters]);
      const y = pool.tensor('data y', [tasks, examples]);
      const hidden = pool.tensor('hidden weights', [tasks, parameters]);
      const exampleLoss = pool.tensor('losses of examples', [tasks, examples]);
      const slope = pool.tensor('slopes of examples', [tasks, examples]);
      const rSlope = hessian && secondDerivatives ? pool.tensor('R slopes', [tasks, examples]) : undefined;
      const params = { examples, parameters };
      const perExample = [Math.ceil(examples / 64), tasks];
      const perParameter = [Math.ceil(parameters / 64), tasks];

      return {
        description: `logistic regression, ${parameters} weights, ${examples} examples`,
        tasks,
        parameters,
        groups: [{ name: 'weights', kind: 'weights', offset: 0, count: parameters }],
        upload() {},
        recordReset(program, theta) {
          const normal = (target, count, stream, scale) =>
            recordNormal(program, keys, target, { count, stride: count, offset: 0, stream, scale });
          normal(x, examples * parameters, STREAMS.x, 1);
          normal(hidden, parameters, STREAMS.hidden, 2);
          program.run(labelsKernel, {
            tensors: { keys, x, hidden, y },
            params: { ...params, stream: STREAMS.labels },
            workgroups: perExample,
          });
          normal(theta, parameters, STREAMS.start, 1);
        },
        // Full batches: nothing is drawn at a step.
        recordSample() {},
        recordLoss(program, theta, losses, slot) {
          const forward = { x, y, theta, exampleLoss, slope };
          program.run(forwardKernel, { tensors: forward, params, workgroups: perExample });
          const mean = { tasks, slot, square: false, scale: 1 / examples };
          recordReduceRows(program, { value: exampleLoss, target: losses }, mean);
        },
        recordGradient(program, _theta, gradient) {
          program.run(gradientKernel, { tensors: { x, slope, gradient }, params, workgroups: perParameter });
        },
        ...(rSlope && {
          recordHessianVector(program, _theta, v, product) {
            program.run(rSlopeKernel, { tensors: { x, slope, v, rSlope }, params, workgroups: perExample });
            const tangents = { x, slope: rSlope, gradient: product };
            program.run(gradientKernel, { tensors: tangents, params, workgroups: perParameter });
          },
        }),
      };
    },
  };
}
