/**
 * What the JavaScript peers of `npm run bench -- --peers` share: a case from its file, the adapter the bench uses, and
 * requests and answers as JSON lines (bench/peers/protocol.ts). JavaScript, because the packages are not installed
 * where types are checked.
 */
import { resolveObjectURL } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { Worker as NodeWorker } from 'node:worker_threads';
import { create } from 'webgpu';
import { decodeSafeTensors } from '../../dist/index.js';
import { openNodeContext } from '../../dist/node.js';

const CREATE_OPTIONS = { gpu: [], lavapipe: ['adapter=llvmpipe'], swiftshader: ['adapter=SwiftShader'] };

/** The binding's instance must live as long as the process. */
let instance;

/**
 * Makes `navigator.gpu` that of the adapter that the bench uses; resolves to the adapter's description and to `wait`,
 * which waits for a promise of the device: `asleep`, without taking its cores, as the bench's own runs do, or `plainly`,
 * as any program would, while Dawn's binding spins on the JavaScript thread.
 */
export async function provideWebGpu(choice, waits) {
  const context = await openNodeContext(choice);
  const { description } = context.adapter;
  instance = create(CREATE_OPTIONS[choice]);
  // Node 20 has no navigator, later ones a read-only one.
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: instance, userAgent: 'node' },
    configurable: true,
  });
  const { wait } = context;
  context.destroy();
  return {
    adapter: description,
    wait: (promise) => (waits === 'asleep' ? wait.call(context, promise) : promise),
  };
}

/** What a program for the Worker of browsers expects to find in one. */
const WORKER_SCOPE = `
  const { parentPort } = require('node:worker_threads');
  globalThis.self = globalThis;
  globalThis.postMessage = (data) => parentPort.postMessage(data);
  parentPort.on('message', (data) => self.onmessage({ data }));
`;

/** The Worker of browsers over Node's threads, for programs given as object URLs. */
class ObjectUrlWorker {
  #thread;

  constructor(url) {
    this.#thread = resolveObjectURL(url)
      .text()
      .then((program) => {
        const thread = new NodeWorker(WORKER_SCOPE + program, { eval: true });
        thread.on('message', (data) => this.onmessage?.({ data }));
        thread.on('error', (error) => this.onerror?.(error));
        return thread;
      });
  }

  async postMessage(data) {
    (await this.#thread).postMessage(data);
  }
}

/** Gives WebAssembly the threads it has in browsers: `Worker`, and the number of cores. */
export function provideWorkers() {
  globalThis.Worker = ObjectUrlWorker;
  // Node 20 has no navigator.
  globalThis.navigator ??= { hardwareConcurrency: availableParallelism(), userAgent: 'node' };
}

/** A case: `kind`, `steps`, `p`, `scale`, `sizes`, and the tensors as typed arrays with shapes. */
export function readCase(path) {
  const { metadata, tensors } = decodeSafeTensors(readFileSync(path), path);
  const { kind, steps, p, scale, sizes } = metadata;
  return {
    kind,
    steps: Number(steps),
    p: Number(p),
    scale: Number(scale),
    sizes: sizes?.split(',').map(Number),
    tensors: Object.fromEntries(tensors),
  };
}

/**
 * phi as matrices for [x, h] in a row: a layer's weight [in + H, 4H] and bias [4H], then the output's weight [H, 1]
 * and bias [1]; flat arrays with shapes.
 */
export function stackedWeights(tensors) {
  const weights = [];
  for (let k = 0; tensors[`phi.lstm.${k}.weight_ih`]; k++) {
    const [ih, hh, biasIh, biasHh] = ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map(
      (name) => tensors[`phi.lstm.${k}.${name}`],
    );
    const [gates, inputs] = ih.shape;
    const hidden = gates / 4;
    const data = new Float32Array((inputs + hidden) * gates);
    for (let gate = 0; gate < gates; gate++) {
      for (let i = 0; i < inputs; i++) data[i * gates + gate] = ih.data[gate * inputs + i];
      for (let i = 0; i < hidden; i++) data[(inputs + i) * gates + gate] = hh.data[gate * hidden + i];
    }
    weights.push({ data, shape: [inputs + hidden, gates] });
    weights.push({ data: biasIh.data.map((value, i) => value + biasHh.data[i]), shape: [gates] });
  }
  const { data, shape } = tensors['phi.output.weight'];
  return [...weights, { data, shape: [shape[1], 1] }, tensors['phi.output.bias']];
}

/** What an unroll must agree on; one bias a layer counts. */
export function gradientNumbers(metaLoss, gradients) {
  let squares = 0;
  for (const gradient of gradients) for (const value of gradient) squares += value * value;
  return { metaLoss, gradientNorm: Math.sqrt(squares) };
}

/** What an update must agree on. */
export function thetaNumbers(theta) {
  let [squares, sum] = [0, 0];
  for (const value of theta) {
    squares += value * value;
    sum += value;
  }
  return { thetaNorm: Math.sqrt(squares), thetaMean: sum / theta.length };
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** `load(case)` gives a workload's `run()`, whose result `numbers(result)` turns into what must agree. */
export async function serve(greeting, load) {
  const workloads = new Map();
  const answer = async ({ request, workload, file }) => {
    if (request === 'load') {
      workloads.set(workload, await load(readCase(file)));
      return { loaded: workload };
    }
    const { run, numbers } = workloads.get(workload);
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const result = await run();
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { numbers: numbers(result), ms, cpuMs: (user + system) / 1000 };
  };
  say({ ready: true, ...greeting });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(JSON.parse(line)));
    } catch (error) {
      say({ error: String(error) });
    }
  }
  // Devices that are still open would keep the process alive.
  process.exit(0);
}
