import type { Program } from '../../gpu/program.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import { recordSampleGather, recordSampleScatter } from '../../ops/coordinateSample.ts';
import { type Coordinates, coordinatesOf, coordinateTensor } from '../../ops/coordinates.ts';
import { recordSumRows } from '../../ops/taskRows.ts';
import type {
  BackwardFace,
  Binding,
  BoundOptimizer,
  InputAdjoints,
  LearnedOptimizer,
  ObserverFace,
} from '../optimizer.ts';
import type { CoordinateGroup } from './groups.ts';

/** f32 that a row must begin at a multiple of to be bound on its own. */
const ALIGNMENT = 64;

/** One group at work: its coordinates among all, and its own optimizer on tensors of its own. */
interface Part {
  readonly name: string;
  /** f32 of its phi. */
  readonly length: number;
  readonly coordinates: Coordinates;
  /** [B, N_g] u32: where each of them lies among all M. */
  readonly indices: Tensor;
  readonly theta: Tensor;
  readonly gradient: Tensor;
  readonly next: Tensor;
  readonly bound: BoundOptimizer;
  /** Present in training, where there is something to learn. */
  readonly back: { readonly face: BackwardFace; readonly adjoint: Tensor } | undefined;
}

/** A bound optimizer, and what its index tensors hold: to be uploaded once they are allocated. */
export interface BoundGroups {
  readonly bound: BoundOptimizer;
  readonly indices: readonly (readonly [Tensor, Uint32Array])[];
}

/**
 * Binds an optimizer a group. A step gathers each group's theta and gradient into rows of its own, lets its optimizer
 * take the step there, and scatters theta_{t+1} back; the way back does the same with the adjoints. Groups meet nowhere
 * but in the optimizee.
 * @throws RangeError where the groups do not hold every parameter once
 */
export function bindGrouped(
  binding: Binding,
  groups: readonly CoordinateGroup[],
  optimizers: readonly LearnedOptimizer[],
): BoundGroups {
  const { pool, coordinates: all } = binding;
  requireAll(groups, all.parameters);
  const tables: (readonly [Tensor, Uint32Array])[] = [];
  const parts = groups.map((group, index): Part => {
    const optimizer = optimizers[index];
    if (!optimizer) throw new RangeError(`group ${group.name} has no optimizer`);
    const coordinates = coordinatesOf(all.tasks, group.count);
    const row = (label: string) => coordinateTensor(pool, `${label} of ${group.name}`, coordinates);
    const indices = pool.tensor(`coordinates of ${group.name}`, [coordinates.count], 'u32');
    tables.push([indices, indicesOf(group, all)]);
    const bound = optimizer.bind({ ...binding, coordinates });
    return {
      name: group.name,
      length: optimizer.phi.length,
      ...{ coordinates, indices, bound },
      ...{ theta: row('theta'), gradient: row('gradient'), next: row('theta after a step') },
      back: bound.backward && { face: bound.backward, adjoint: row('adjoint of theta') },
    };
  });
  const { gather, scatter } = movers(all);
  const observer = binding.observe ? observerOf(pool, all, parts) : undefined;
  const backward = backwardOf(pool, all, parts);
  const bound: BoundOptimizer = {
    carried: parts.flatMap((part) => part.bound.carried),
    recordReset(program) {
      for (const part of parts) part.bound.recordReset(program);
    },
    recordCarry(program) {
      for (const part of parts) part.bound.recordCarry(program);
    },
    recordStep(program, step, { theta, gradient, losses, next }) {
      for (const part of parts) {
        gather(program, part, theta, part.theta);
        gather(program, part, gradient, part.gradient);
        const own = { theta: part.theta, gradient: part.gradient, next: part.next };
        part.bound.recordStep(program, step, { ...own, ...(losses && { losses }) });
        scatter(program, part, part.next, next);
      }
    },
    ...(backward && { backward }),
    ...(observer && { observer }),
  };
  return { bound, indices: tables };
}

function requireAll(groups: readonly CoordinateGroup[], parameters: number): void {
  const ranges = groups.flatMap((group) => group.ranges).sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, count } of ranges) {
    if (offset !== end) throw new RangeError(`parameter ${Math.min(offset, end)} is in no group or in two`);
    end += count;
  }
  if (end !== parameters) throw new RangeError(`the groups hold ${end} of ${parameters} parameters`);
}

/** [B, N_g]: the group's coordinates, task by task, in the order of its ranges. */
function indicesOf({ ranges, count }: CoordinateGroup, { tasks, parameters }: Coordinates): Uint32Array {
  const indices = new Uint32Array(tasks * count);
  let at = 0;
  for (let task = 0; task < tasks; task++) {
    for (const range of ranges) {
      for (let n = 0; n < range.count; n++) indices[at++] = task * parameters + range.offset + n;
    }
  }
  return indices;
}

/** Rows of all coordinates to rows of a group's, and back. */
function movers(all: Coordinates) {
  return {
    gather(program: Program, { indices, coordinates }: Part, source: Tensor, target: Tensor): void {
      recordSampleGather(program, { indices, source, target }, all, coordinates);
    },
    scatter(
      program: Program,
      { indices, coordinates }: Part,
      source: Tensor,
      target: Tensor,
      firstRow = 0,
    ): void {
      recordSampleScatter(program, { indices, source, target }, all, coordinates, firstRow);
    },
  };
}

/** Undefined when the optimizers have nothing to learn, or are not bound for training. */
function backwardOf(pool: TensorPool, all: Coordinates, parts: readonly Part[]): BackwardFace | undefined {
  const { gather, scatter } = movers(all);
  const backs = parts.flatMap(({ back, ...part }) => (back ? [{ ...part, ...back, back }] : []));
  const [first] = backs;
  if (!first) return undefined;
  const inputs = first.face.inputAdjoints && planInputs(pool, all, backs.length, first.face.inputAdjoints);
  return {
    recordBegin(program) {
      for (const { face } of backs) face.recordBegin(program);
    },
    recordStep(program, step, { theta, gradient, losses, adjoint }) {
      for (const [index, part] of backs.entries()) {
        gather(program, part, theta, part.theta);
        gather(program, part, gradient, part.gradient);
        gather(program, part, adjoint, part.adjoint);
        const own = { theta: part.theta, gradient: part.gradient, adjoint: part.adjoint };
        part.face.recordStep(program, step, { ...own, ...(losses && { losses }) });
        scatter(program, part, part.adjoint, adjoint);
        const made = part.face.inputAdjoints;
        if (!made || !inputs) continue;
        scatter(program, part, made.gradient, inputs.gradient);
        if (made.loss) inputs.keepLoss(program, index, made.loss);
      }
      inputs?.recordLoss(program);
    },
    recordFinish(program, gradient) {
      for (const [index, { face, name, length }] of backs.entries()) {
        face.recordFinish(program, gradient.view(`gradient of ${name}`, index * length, [length]));
      }
    },
    ...(inputs && { inputAdjoints: inputs.adjoints }),
  };
}

/** Adjoints of all gradients, and of the losses where they are read: every group reads the same ones, so shares add up. */
function planInputs(pool: TensorPool, all: Coordinates, groups: number, one: InputAdjoints) {
  const gradient = coordinateTensor(pool, 'dg of all groups', all);
  const stride = ALIGNMENT * Math.ceil(all.tasks / ALIGNMENT);
  const shares = one.loss && pool.tensor('adjoint of the losses by group', [groups, stride]);
  const sum = one.loss && pool.tensor('adjoint of the losses of all groups', [stride]);
  const adjoints: InputAdjoints = {
    gradient,
    ...(sum && { loss: sum.view('adjoint of the losses', 0, [all.tasks]) }),
  };
  return {
    gradient,
    adjoints,
    keepLoss(program: Program, index: number, loss: Tensor): void {
      if (shares) program.copy(loss, shares.view('share of a group', index * stride, [all.tasks]));
    },
    recordLoss(program: Program): void {
      if (shares && sum) recordSumRows(program, { rows: shares, row: sum }, { tasks: groups, count: stride });
    },
  };
}

/** Gates of all coordinates, each under the weights of its own group; the groups' optimizers have the same gates. */
function observerOf(pool: TensorPool, all: Coordinates, parts: readonly Part[]): ObserverFace | undefined {
  const { scatter } = movers(all);
  const observables = parts[0]?.bound.observer?.observables;
  if (!observables) return undefined;
  const values = observables.map(({ name, rows, fixed }) =>
    fixed === undefined ? coordinateTensor(pool, `${name} of all groups`, all, rows) : undefined,
  );
  return {
    observables,
    recordStep(program, step, see) {
      for (const part of parts) {
        part.bound.observer?.recordStep(program, step, (index, rows) => {
          const target = values[index];
          if (target) scatter(program, part, rows.values, target, rows.firstRow);
        });
      }
      for (const [index, tensor] of values.entries()) if (tensor) see(index, { values: tensor, firstRow: 0 });
    },
  };
}
