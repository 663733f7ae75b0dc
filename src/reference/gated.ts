import type { LstmState, LstmWeights, NamedTensors } from './lstm.ts';
import { lstmCell } from './lstm.ts';
import type { Preprocess } from './preprocess.ts';
import { preprocess } from './preprocess.ts';
import type { Algebra } from './scalar.ts';
import { at, expectLength } from './scalar.ts';

export type GateName = 'forget' | 'input' | 'momentumForget' | 'momentumInput';

/** Everything about an optimizer of the gated family but its weights. */
export interface GatedForm {
  /** A gate is a number or learned; the second cell m is there when its two gates are. */
  readonly gates: Readonly<Partial<Record<GateName, number | 'learned'>>>;
  /** What a gate sees of its own previous value. */
  readonly feedback: 'pre-sigmoid' | 'sigmoid';
  readonly preprocess: Preprocess;
}

/** Affine map of a learned gate over [a, the cell's previous state, what the gate is fed of itself]. */
export interface GateWeights<S> {
  /** [1, A + 2] */
  readonly weight: ArrayLike<S>;
  /** [1] */
  readonly bias: ArrayLike<S>;
}

export interface GatedWeights<S> {
  /** The controller; without it the gates see [pre(f), pre(g)] itself. */
  readonly controller: LstmWeights<S> | undefined;
  readonly gates: ReadonlyMap<GateName, GateWeights<S>>;
}

/** State of one coordinate: the controller's, what each gate is fed of itself (0 at first), and m. */
export interface GatedState<S> {
  readonly controller: LstmState<S> | undefined;
  readonly fed: ReadonlyMap<GateName, S>;
  readonly m: S;
}

const TENSORS: readonly (readonly [GateName, string])[] = [
  ['forget', 'forget_gate'],
  ['input', 'input_gate'],
  ['momentumForget', 'momentum_forget_gate'],
  ['momentumInput', 'momentum_input_gate'],
];

/** Finds the weights under their PyTorch names: `lstm.0.*` where there is a controller, then each learned gate's. */
export function gatedWeights<S>(tensors: NamedTensors<S>): GatedWeights<S> {
  const take = (name: string): ArrayLike<S> => {
    const tensor = tensors[name];
    if (tensor === undefined) throw new RangeError(`The weights lack the tensor "${name}": add it.`);
    return tensor;
  };
  const gates = new Map<GateName, GateWeights<S>>();
  for (const [gate, name] of TENSORS) {
    if (`${name}.weight` in tensors)
      gates.set(gate, { weight: take(`${name}.weight`), bias: take(`${name}.bias`) });
  }
  const controller =
    'lstm.0.weight_ih' in tensors
      ? {
          weightIh: take('lstm.0.weight_ih'),
          weightHh: take('lstm.0.weight_hh'),
          biasIh: take('lstm.0.bias_ih'),
          biasHh: take('lstm.0.bias_hh'),
        }
      : undefined;
  return { controller, gates };
}

/** The state before the first step. */
export function gatedStart<S>(A: Algebra<S>, { controller }: GatedWeights<S>): GatedState<S> {
  const zero = A.constant(0);
  const hidden = (controller?.biasHh.length ?? 0) / 4;
  const zeros = Array.from({ length: hidden }, () => zero);
  return { controller: controller && { h: zeros, c: zeros }, fed: new Map(), m: zero };
}

/**
 * One step of one coordinate (Ravi & Larochelle 2017, equations 2 to 5). One cell: theta' = F theta + I (-g). Two:
 * m' = Fm m + Im (-g), theta' = F theta + I m'. A learned gate is the sigmoid of an affine map of [a, its cell's
 * previous state, what it is fed of itself]; a = [pre(f), pre(g)], or the controller's h on that.
 * @throws RangeError when a learned gate has no weights or a length does not fit.
 */
export function gatedStep<S>(
  A: Algebra<S>,
  form: GatedForm,
  weights: GatedWeights<S>,
  { theta, g, loss }: { readonly theta: S; readonly g: S; readonly loss: S },
  state: GatedState<S>,
): { readonly theta: S; readonly state: GatedState<S> } {
  const seen = [...preprocess(A, form.preprocess, loss), ...preprocess(A, form.preprocess, g)];
  const controller =
    weights.controller && state.controller && lstmCell(A, weights.controller, seen, state.controller);
  const a = controller ? Array.from(controller.h) : seen;
  const fed = new Map<GateName, S>();
  const gate = (name: GateName, cell: S): S => {
    const setting = form.gates[name];
    if (typeof setting === 'number') return A.constant(setting);
    const own = weights.gates.get(name);
    if (!own) throw new RangeError(`The ${name} gate is learned but has no weights: add them.`);
    const inputs = [...a, cell, state.fed.get(name) ?? A.constant(0)];
    expectLength(`The weight of the ${name} gate`, own.weight, inputs.length, `[1, ${inputs.length}]`);
    const z = A.affine(at(own.bias, 0), own.weight, 0, 1, inputs);
    const value = A.sigmoid(z);
    fed.set(name, form.feedback === 'sigmoid' ? value : z);
    return value;
  };
  const down = A.sub(A.constant(0), g);
  let { m } = state;
  let step = down;
  if (form.gates.momentumForget !== undefined) {
    m = A.add(A.mul(gate('momentumForget', m), m), A.mul(gate('momentumInput', m), down));
    step = m;
  }
  const next = A.add(A.mul(gate('forget', theta), theta), A.mul(gate('input', theta), step));
  return { theta: next, state: { controller, fed, m } };
}
