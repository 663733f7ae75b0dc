/**
 * jax-js as a peer: `node jaxPeer.mjs wasm`, `threads` for WebAssembly on all cores, or `gpu|lavapipe|swiftshader` for
 * WebGPU. Its own ops, jit and autodiff. A step of the optimizer and the vjp of a step are jitted; the unroll goes
 * through them in JavaScript, for there is no `lax.scan`. Whoever gets an array owns it: `.ref` keeps it beyond a call.
 */
import { readFileSync } from 'node:fs';
import {
  gradientNumbers,
  provideWebGpu,
  provideWorkers,
  serve,
  stackedWeights,
  thetaNumbers,
} from './jsPeer.mjs';

const choice = process.argv[2];
const onCpu = choice === 'wasm' || choice === 'threads';
if (choice === 'threads') provideWorkers();
const { adapter, wait } = onCpu ? { wait: (promise) => promise } : await provideWebGpu(choice, 'asleep');
// Its import looks for Worker.
const jax = await import('@jax-js/jax');
const { jit, nn, numpy: np, tree, valueAndGrad, vjp } = jax;
const device = onCpu ? 'wasm' : 'webgpu';
if (!(await jax.init(device)).includes(device))
  throw new Error(`jax-js could not open its backend ${device}`);
jax.defaultDevice(device);

const arrayOf = ({ data, shape }, dtype = np.float32) => np.array(data, { shape: [...shape], dtype });
const done = (arrays) => wait(jax.blockUntilReady(arrays));
const read = (arrays) => wait(Promise.all(arrays.map((array) => array.data())));

/** Two inputs a coordinate and two of zeros: products whose sums have a multiple of four terms are several times faster. */
function features(g, p) {
  const size = np.absolute(g.ref);
  const large = np.greaterEqual(size.ref, Math.exp(-p));
  const zero = np.zeros(g.shape);
  const logs = np.where(large.ref, np.log(size).div(p), -1);
  return np.stack([logs, np.where(large, np.sign(g.ref), g.mul(Math.exp(p))), zero.ref, zero], 1);
}

/** phi as a tree: a matrix and a bias for each gate, which need no splitting, and those of the output. */
function weightsOf(tensors) {
  const stacked = stackedWeights(tensors);
  const [first] = stacked;
  const width = first.shape[1];
  const wider = new Float32Array(first.data.length + 2 * width);
  wider.set(first.data.subarray(0, 2 * width));
  wider.set(first.data.subarray(2 * width), 4 * width);
  stacked[0] = { data: wider, shape: [first.shape[0] + 2, width] };
  const columns = ({ data, shape }, gate) => {
    const [all, wanted] = [shape.at(-1), shape.at(-1) / 4];
    const part = new Float32Array(data.length / 4);
    for (let row = 0; row * all < data.length; row++) {
      const begin = row * all + gate * wanted;
      part.set(data.subarray(begin, begin + wanted), row * wanted);
    }
    return arrayOf({ data: part, shape: [...shape.slice(0, -1), wanted] });
  };
  const [weight, bias] = stacked.splice(-2);
  const layers = [];
  for (let k = 0; k < stacked.length; k += 2) {
    layers.push([0, 1, 2, 3].map((gate) => [columns(stacked[k], gate), columns(stacked[k + 1], gate)]));
  }
  return { layers, output: [arrayOf(weight), arrayOf(bias)] };
}

/** One step of the stacked LSTM: the output [n] and the next state. */
const step = jit(({ layers, output }, u, state) => {
  let x = u;
  const next = state.map(([h, c], layer) => {
    const a = np.concatenate([x, h], 1);
    const [i, f, g, o] = layers[layer].map(([weight, bias]) => np.matmul(a.ref, weight).add(bias));
    a.dispose();
    const cell = c.mul(nn.sigmoid(f)).add(nn.sigmoid(i).mul(np.tanh(g)));
    x = nn.sigmoid(o).mul(np.tanh(cell.ref));
    return [x.ref, cell];
  });
  const [weight, bias] = output;
  return [np.matmul(x, weight).add(bias).reshape([-1]), next];
});

/** theta and the state after a step with the gradient g. */
function mover({ p, scale }) {
  return jit((weights, theta, g, state) => {
    const [out, next] = step(weights, features(g, p), state);
    return [theta.add(out.mul(scale)), next];
  });
}

function zeroState({ layers, output: [{ shape }] }, n) {
  return layers.map(() => [np.zeros([n, shape[0]]), np.zeros([n, shape[0]])]);
}

/** One dense network with sigmoids; its loss takes theta and the inputs of a step. */
function mlp({ sizes, tensors }) {
  const [steps, batch] = tensors.x.shape;
  const part = ({ data, shape: [, ...shape] }, t, dtype) => {
    const size = shape.reduce((product, length) => product * length, 1);
    return arrayOf({ data: data.slice(t * size, (t + 1) * size), shape }, dtype);
  };
  const counts = sizes.slice(1).flatMap((outputs, layer) => [sizes[layer] * outputs, outputs]);
  const ends = counts.map((_, i) => counts.slice(0, i + 1).reduce((sum, count) => sum + count));
  return {
    theta0: arrayOf(tensors.theta0),
    tasks: 1,
    inputs: Array.from({ length: steps }, (_, t) => [
      part(tensors.x, t),
      nn.oneHot(part(tensors.labels, t, np.int32), sizes.at(-1)),
    ]),
    loss(theta, x, labels) {
      const parts = np.split(theta, ends.slice(0, -1));
      let y = x;
      for (let layer = 0; layer < sizes.length - 1; layer++) {
        const weight = parts[2 * layer].reshape([sizes[layer], sizes[layer + 1]]);
        const z = np.matmul(y, weight).add(parts[2 * layer + 1]);
        y = layer < sizes.length - 2 ? nn.sigmoid(z) : z;
      }
      return nn.logSoftmax(y).mul(labels).sum().div(-batch);
    },
  };
}

/** A batch of |W theta - y|^2; the loss is the sum of the tasks'. */
function quadratics({ steps, tensors }) {
  const [tasks, dimension] = tensors.y.shape;
  const column = [tasks, dimension, 1];
  const problem = [arrayOf(tensors.W), arrayOf({ data: tensors.y.data, shape: column })];
  return {
    theta0: arrayOf({ data: tensors.theta0.data, shape: [tasks * dimension] }),
    tasks,
    inputs: Array.from({ length: steps + 1 }, () => problem),
    loss: (theta, W, y) => np.square(np.matmul(W, theta.reshape(column)).sub(y)).sum(),
  };
}

function metaIteration(settings) {
  const { steps, p, scale } = settings;
  const weights = weightsOf(settings.tensors);
  const { theta0, tasks, inputs, loss } = settings.kind === 'mlp' ? mlp(settings) : quadratics(settings);
  const lossAndGradient = jit(valueAndGrad(loss));
  const forward = mover(settings);
  // In first order g is a constant for the optimizer, and the loss's own gradient for the meta-loss. `ahead` and
  // `stateAhead` are the gradients of the later losses with respect to what this step gives.
  const backward = jit((weights, g, state, { ahead, stateAhead, sums }) => {
    const u = features(g.ref, p);
    const [value, pull] = vjp((weights, state) => step(weights, u.ref, state), [weights, state]);
    tree.dispose(value);
    const [here, stateHere] = pull([ahead.ref.mul(scale), stateAhead]);
    pull.dispose();
    u.dispose();
    return {
      ahead: ahead.add(g.div(tasks)),
      stateAhead: stateHere,
      sums: tree.map((sum, part) => sum.add(part), sums, here),
    };
  });
  return {
    async run() {
      let [theta, state] = [theta0.ref, zeroState(weights, theta0.size)];
      const [losses, tape] = [[], []];
      for (let t = 0; t < steps; t++) {
        const [value, g] = lossAndGradient(theta.ref, ...tree.ref(inputs[t]));
        losses.push(value);
        tape.push({ g, state });
        [theta, state] = forward(tree.ref(weights), theta, g.ref, tree.ref(state));
        await done([theta, state]);
      }
      const [value, g] = lossAndGradient(theta, ...tree.ref(inputs[steps]));
      losses.push(value);
      let back = {
        ahead: g.div(tasks),
        stateAhead: tree.map((last) => np.zerosLike(last), state),
        sums: tree.map(({ shape }) => np.zeros(shape), weights),
      };
      for (const { g, state } of tape.reverse()) {
        back = backward(tree.ref(weights), g, state, back);
        await done(back);
      }
      tree.dispose([back.ahead, back.stateAhead]);
      return read([np.stack(losses).sum().div(tasks), ...tree.leaves(back.sums)]);
    },
    numbers: ([[value], ...gradients]) => gradientNumbers(value, gradients),
  };
}

/** Coordinates of one part. */
const PART = 250_000;

function update(settings) {
  const { gradient0, gradient1 } = settings.tensors;
  const weights = weightsOf(settings.tensors);
  const move = mover(settings);
  const count = gradient0.shape[0];
  const parts = [];
  for (let begin = 0; begin < count; begin += PART) {
    const size = Math.min(PART, count - begin);
    const part = ({ data }) => arrayOf({ data: data.slice(begin, begin + size), shape: [size] });
    const first = [np.zeros([size]), part(gradient0), zeroState(weights, size)];
    const [theta, state] = move(tree.ref(weights), ...first);
    parts.push([theta, part(gradient1), state]);
  }
  return {
    async run() {
      const values = [];
      for (const part of parts) {
        const [theta, state] = move(tree.ref(weights), ...tree.ref(part));
        await done([theta, state]);
        values.push(...(await read([theta])));
        tree.dispose(state);
      }
      return values;
    },
    numbers: (values) => thetaNumbers(values.flatMap((part) => [...part])),
  };
}

const manifest = new URL('./node_modules/@jax-js/jax/package.json', import.meta.url);
const versions = { jax: JSON.parse(readFileSync(manifest, 'utf8')).version };
await serve({ versions, ...(adapter && { adapter }) }, (settings) =>
  settings.kind === 'update' ? update(settings) : metaIteration(settings),
);
