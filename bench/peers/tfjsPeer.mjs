/**
 * TensorFlow.js on WebGPU as a peer: `node tfjsPeer.mjs gpu|lavapipe|swiftshader`. Its own ops and its own autodiff;
 * [coordinates, features] and a product of [x, h] for all gates, as tf.basicLSTMCell.
 */
import { gradientNumbers, provideWebGpu, serve, stackedWeights, thetaNumbers } from './jsPeer.mjs';

const { adapter, wait } = await provideWebGpu(process.argv[2], process.argv[3]);
// Their import looks for navigator.gpu.
const tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-backend-webgpu');
// Its gradients are registered by the package of layers alone, in what Node can import.
await import('@tensorflow/tfjs-layers');
if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs could not open its WebGPU backend');
await tf.ready();

const { add, div, matMul, mul, reshape, sigmoid, sub, sum, tanh } = tf;
const { matMul: matMulBias } = tf.fused;
const read = (tensors) => Promise.all(tensors.map((tensor) => wait(tensor.data())));
const tensorOf = ({ data, shape }, dtype = 'float32') => tf.tensor(data, [...shape], dtype);

function logSign(g, p) {
  const size = tf.abs(g);
  const large = tf.greaterEqual(size, Math.exp(-p));
  const logs = tf.where(large, div(tf.log(size), p), tf.fill(g.shape, -1));
  return tf.stack([logs, tf.where(large, tf.sign(g), mul(g, Math.exp(p)))], 1);
}

/** One step of the stacked LSTM: the output [n] and the next state. */
function step(weights, u, state) {
  let x = u;
  const next = state.map(([h, c], layer) => {
    const [a, bias] = [tf.concat([x, h], 1), weights[2 * layer + 1]];
    const [i, f, g, o] = tf.split(matMulBias({ a, b: weights[2 * layer], bias }), 4, 1);
    const cell = add(mul(c, sigmoid(f)), mul(sigmoid(i), tanh(g)));
    x = mul(sigmoid(o), tanh(cell));
    return [x, cell];
  });
  const [b, bias] = weights.slice(-2);
  return { out: reshape(matMulBias({ a: x, b, bias }), [x.shape[0]]), state: next };
}

function zeroState(weights, n) {
  const hidden = weights.at(-2).shape[0];
  return Array.from({ length: (weights.length - 2) / 2 }, () => [
    tf.zeros([n, hidden]),
    tf.zeros([n, hidden]),
  ]);
}

/** One dense network with sigmoids; `loss(theta, t)` is a scalar and `gradient(theta, t)` [N]. */
function mlp({ sizes, tensors }) {
  const steps = tensors.x.shape[0];
  const x = Array.from({ length: steps }, (_, t) => tf.tidy(() => tf.gather(tensorOf(tensors.x), t)));
  const labels = Array.from({ length: steps }, (_, t) =>
    tf.tidy(() =>
      tf.cast(tf.oneHot(tf.gather(tensorOf(tensors.labels, 'int32'), t), sizes.at(-1)), 'float32'),
    ),
  );
  const batch = x[0].shape[0];
  const layers = (theta) => {
    let offset = 0;
    return sizes.slice(1).map((outputs, layer) => {
      const inputs = sizes[layer];
      const weight = reshape(tf.slice(theta, offset, inputs * outputs), [inputs, outputs]);
      const bias = tf.slice(theta, offset + inputs * outputs, outputs);
      offset += (inputs + 1) * outputs;
      return { weight, bias };
    });
  };
  /** Inputs of the layers, then the logits. */
  const forward = (network, t) =>
    network.reduce(
      (ys, { weight: b, bias }, index) => {
        const z = matMulBias({ a: ys.at(-1), b, bias });
        return ys.concat([index < network.length - 1 ? sigmoid(z) : z]);
      },
      [x[t]],
    );
  return {
    theta0: tensorOf(tensors.theta0),
    tasks: 1,
    loss(theta, t) {
      const logits = forward(layers(theta), t).at(-1);
      return div(sum(mul(tf.logSoftmax(logits), labels[t])), -batch);
    },
    gradient(theta, t) {
      const network = layers(theta);
      const ys = forward(network, t);
      let dz = div(sub(tf.softmax(ys.at(-1)), labels[t]), batch);
      const parts = [];
      for (let layer = network.length - 1; layer >= 0; layer--) {
        const y = ys[layer];
        parts.unshift(reshape(matMul(y, dz, true), [-1]), sum(dz, 0));
        if (layer > 0) dz = mul(matMul(dz, network[layer].weight, false, true), mul(y, sub(1, y)));
      }
      return tf.concat(parts);
    },
  };
}

/** A batch of |W theta - y|^2: the mean loss, and the gradient of every task's own. */
function quadratics({ tensors }) {
  const [W, y] = [tensorOf(tensors.W), tensorOf(tensors.y)];
  const [tasks, dimension] = y.shape;
  const column = [tasks, dimension, 1];
  const residual = (theta) => sub(matMul(W, reshape(theta, column)), reshape(y, column));
  return {
    theta0: reshape(tensorOf(tensors.theta0), [-1]),
    tasks,
    loss: (theta) => div(sum(tf.square(residual(theta))), tasks),
    gradient: (theta) => reshape(mul(matMul(W, residual(theta), true), 2), [-1]),
  };
}

function metaIteration(settings) {
  const { steps, p, scale } = settings;
  const weights = stackedWeights(settings.tensors).map((weight) => tensorOf(weight));
  const problem = settings.kind === 'mlp' ? mlp(settings) : quadratics(settings);
  const { theta0, tasks } = problem;
  // In first order the gradient that the optimizer sees is a constant; the meta-loss knows it as the loss's.
  const constantGradient = (t) =>
    tf.customGrad((theta) => ({ value: problem.gradient(theta, t), gradFunc: () => tf.zerosLike(theta) }));
  const loss = (g, t) =>
    tf.customGrad((theta, save) => {
      save([g]);
      return { value: problem.loss(theta, t), gradFunc: (dy, [saved]) => mul(saved, div(dy, tasks)) };
    });
  const metaLoss = (...phi) => {
    let [theta, state, total] = [theta0, zeroState(phi, theta0.size), undefined];
    for (let t = 0; t <= steps; t++) {
      const g = constantGradient(t)(theta);
      const value = loss(g, t)(theta);
      total = total ? add(total, value) : value;
      if (t === steps) break;
      const moved = step(phi, logSign(g, p), state);
      theta = add(theta, mul(moved.out, scale));
      state = moved.state;
    }
    return total;
  };
  const gradients = tf.valueAndGrads(metaLoss);
  return {
    async run() {
      const { value, grads } = gradients(weights);
      const result = await read([value, ...grads]);
      tf.dispose([value, grads]);
      return result;
    },
    numbers: ([[value], ...grads]) => gradientNumbers(value, grads),
  };
}

/** Coordinates of one part: a [n, 4H] tensor beyond WebGPU's default limit of 128 MiB for a binding is refused. */
const PART = 250_000;

function update({ p, scale, tensors }) {
  const weights = stackedWeights(tensors).map((weight) => tensorOf(weight));
  const count = tensors.gradient0.shape[0];
  const parts = [];
  for (let begin = 0; begin < count; begin += PART) {
    const part = ({ data }) => tf.tensor1d(data.slice(begin, begin + PART));
    const [first, gradient] = [part(tensors.gradient0), part(tensors.gradient1)];
    const { out, state } = tf.tidy(() => step(weights, logSign(first, p), zeroState(weights, first.size)));
    parts.push({ theta: mul(out, scale), gradient, state });
  }
  const moved = ({ theta, gradient, state }) =>
    tf.tidy(() => add(theta, mul(step(weights, logSign(gradient, p), state).out, scale)));
  return {
    async run() {
      const next = parts.map(moved);
      const values = await read(next);
      tf.dispose(next);
      return values;
    },
    numbers: (values) => thetaNumbers(values.flatMap((part) => [...part])),
  };
}

await serve({ versions: { tfjs: tf.version_core }, adapter }, (settings) =>
  settings.kind === 'update' ? update(settings) : metaIteration(settings),
);
