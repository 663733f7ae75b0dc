import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinatesOf, coordinateTensor } from '../ops/coordinates.ts';
import { recordAddSlot, recordRowPart } from '../ops/taskRows.ts';
import type { Optimizee, QueryFace } from './optimizee.ts';

/** One of the two problems, and where its parameters lie in a task's row of all of them. */
interface Part {
  readonly optimizee: Optimizee;
  readonly offset: number;
  readonly theta: Tensor;
  readonly gradient: Tensor;
  /** v and H v, where both problems have second derivatives. */
  readonly v: Tensor | undefined;
  readonly product: Tensor | undefined;
}

/**
 * Two problems as one: f(theta) + g(x) over the parameters [theta, x] of both. The gradient of either part is its own, so
 * an optimizer that works coordinate by coordinate runs on both apart, and its meta-gradient is the sum of theirs. The
 * query set, where there is one, is that of the first.
 */
export function sumOptimizees(pool: TensorPool, first: Optimizee, second: Optimizee): Optimizee {
  const { tasks } = first;
  const stride = first.parameters + second.parameters;
  const hasSecond = first.recordHessianVector !== undefined && second.recordHessianVector !== undefined;
  const parts = [first, second].map((optimizee, index): Part => {
    const coordinates = coordinatesOf(tasks, optimizee.parameters);
    const row = (label: string) =>
      coordinateTensor(pool, `${label} of ${optimizee.description}`, coordinates);
    return {
      optimizee,
      offset: index === 0 ? 0 : first.parameters,
      ...{ theta: row('theta'), gradient: row('gradient') },
      ...{ v: hasSecond ? row('v') : undefined, product: hasSecond ? row('product') : undefined },
    };
  });
  const losses = pool.tensor(`losses of ${second.description}`, [1, tasks]);
  const place = ({ optimizee, offset }: Part, own: Tensor, all: Tensor) => ({
    own: { tensor: own, stride: optimizee.parameters, offset: 0 },
    all: { tensor: all, stride, offset },
    sizes: { tasks, count: optimizee.parameters },
  });
  const take = (program: Program, part: Part, source: Tensor, target: Tensor) => {
    const { own, all, sizes } = place(part, target, source);
    recordRowPart(program, all, own, sizes);
  };
  const put = (program: Program, part: Part, source: Tensor, target: Tensor) => {
    const { own, all, sizes } = place(part, source, target);
    recordRowPart(program, own, all, sizes);
  };
  return {
    description: `${first.description}; ${second.description}`,
    tasks,
    parameters: stride,
    groups: [
      ...first.groups,
      ...second.groups.map((group) => ({ ...group, offset: group.offset + first.parameters })),
    ],
    upload() {
      for (const { optimizee } of parts) optimizee.upload();
    },
    recordReset(program, theta) {
      for (const part of parts) {
        part.optimizee.recordReset(program, part.theta);
        put(program, part, part.theta, theta);
      }
    },
    recordSample(program, step) {
      for (const { optimizee } of parts) optimizee.recordSample(program, step);
    },
    recordLoss(program, theta, target, slot) {
      for (const [index, part] of parts.entries()) {
        take(program, part, theta, part.theta);
        if (index === 0) part.optimizee.recordLoss(program, part.theta, target, slot);
        else part.optimizee.recordLoss(program, part.theta, losses, 0);
      }
      recordAddSlot(program, { value: losses, target }, slot);
    },
    recordGradient(program, _theta, gradient) {
      for (const part of parts) {
        part.optimizee.recordGradient(program, part.theta, part.gradient);
        put(program, part, part.gradient, gradient);
      }
    },
    ...(hasSecond && {
      recordHessianVector(program: Program, _theta: Tensor, v: Tensor, product: Tensor) {
        for (const part of parts) {
          if (!part.v || !part.product) continue;
          take(program, part, v, part.v);
          part.optimizee.recordHessianVector?.(program, part.theta, part.v, part.product);
          put(program, part, part.product, product);
        }
      },
    }),
    ...(first.query && { query: queryOf(pool, first, first.query, stride) }),
  };
}

/** On a tensor of its own: what `recordLoss` left behind stays. */
function queryOf(pool: TensorPool, first: Optimizee, query: QueryFace, stride: number): QueryFace {
  const { tasks, parameters } = first;
  const own = coordinateTensor(pool, 'theta of the query set', coordinatesOf(tasks, parameters));
  return {
    ...query,
    record(program, theta, tensors, slot) {
      const all = { tensor: theta, stride, offset: 0 };
      const part = { tensor: own, stride: parameters, offset: 0 };
      recordRowPart(program, all, part, { tasks, count: parameters });
      query.record(program, own, tensors, slot);
    },
  };
}
