import { gradient, hessianVector } from '../../src/reference/derivatives.ts';
import { type Algebra, at } from '../../src/reference/scalar.ts';
import { magnitudes } from './compare.ts';

/** A layer in any algebra: y from theta and x, both of all tasks. */
export type Layer = <S>(A: Algebra<S>, theta: readonly S[], x: readonly S[]) => S[];

/** A point at which a layer is derived. `dy` is the adjoint of y; v, rx, rdy are tangents of theta, x, dy. */
export interface LayerPoint {
  readonly theta: ArrayLike<number>;
  readonly x: ArrayLike<number>;
  readonly dy: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly rx: ArrayLike<number>;
  readonly rdy: ArrayLike<number>;
}

/** What the faces of a layer's kernels compute. `product` is the tangent of dtheta. */
export interface LayerFaces {
  readonly y: Float64Array;
  readonly dtheta: Float64Array;
  readonly dx: Float64Array;
  readonly ry: Float64Array;
  readonly product: Float64Array;
  readonly rdx: Float64Array;
}

/**
 * All faces of a layer from its forward formula alone: with f(theta, x, dy) = <dy, y(theta, x)>, the gradient of f is
 * (dtheta, dx, y), and its Hessian along (v, rx, rdy) is (product, rdx, ry).
 */
export function layerFaces(layer: Layer, point: LayerPoint): LayerFaces {
  const { theta, x, dy, v, rx, rdy } = point;
  const at0 = theta.length;
  const at1 = at0 + x.length;
  const f = <S>(A: Algebra<S>, all: readonly S[]): S => {
    const y = layer(A, all.slice(0, at0), all.slice(at0, at1));
    return A.affine(A.constant(0), all, at1, 1, y);
  };
  const point0 = [theta, x, dy].flatMap((part) => Array.from(part));
  const { gradient: first } = gradient(f, point0);
  const second = hessianVector(
    f,
    point0,
    [v, rx, rdy].flatMap((part) => Array.from(part)),
  );
  return {
    dtheta: first.slice(0, at0),
    dx: first.slice(at0, at1),
    y: first.slice(at1),
    product: second.slice(0, at0),
    rdx: second.slice(at0, at1),
    ry: second.slice(at1),
  };
}

/**
 * For a layer that is linear in theta and in x with non-negative constants: the sums of the sizes of the terms that
 * make up each result.
 */
export function termSizes(layer: Layer, point: LayerPoint): LayerFaces {
  const { theta, x, dy, v, rx, rdy } = point;
  return layerFaces(layer, {
    ...{ theta: magnitudes(theta), x: magnitudes(x), dy: magnitudes(dy) },
    ...{ v: magnitudes(v), rx: magnitudes(rx), rdy: magnitudes(rdy) },
  });
}

/** Applies `of` to each example: x [B, features, rows] to [B, features of the result, rows]. */
export function eachExample<S>(
  x: readonly S[],
  { tasks, rows }: { readonly tasks: number; readonly rows: number },
  of: (example: S[], task: number) => S[],
): S[] {
  const features = x.length / (tasks * rows);
  const results: S[] = [];
  for (let task = 0; task < tasks; task++) {
    for (let row = 0; row < rows; row++) {
      const example = Array.from({ length: features }, (_, f) => at(x, (task * features + f) * rows + row));
      const result = of(example, task);
      for (const [f, value] of result.entries()) {
        results[(task * result.length + f) * rows + row] = value;
      }
    }
  }
  return results;
}
