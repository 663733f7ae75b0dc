/** Another implementation's median of the same work, in ms; absent where it was not measured. */
export interface RecordedPeer {
  readonly name: string;
  readonly W1: number;
  readonly W2: number;
  readonly W3?: number;
}

/**
 * Best honest variant of each, on two cores of the same class without a GPU; all gave the same loss and the same norm
 * of the meta-gradient at the same weights. `npm run bench -- --peers` runs peers instead.
 */
export const RECORDED_PEERS: readonly RecordedPeer[] = [
  { name: 'PyTorch 1.13 CPU, hand-written forward and backward, BLIS', W1: 180, W2: 20, W3: 255 },
  { name: 'PyTorch 1.13 CPU, eager cat + addmm, autograd', W1: 414, W2: 40 },
  { name: 'PyTorch 1.13 CPU, nn.LSTMCell, autograd, OpenBLAS', W1: 518, W2: 43, W3: 1990 },
  { name: 'jax-js 0.1.25, wasm', W1: 2274, W2: 142, W3: 1963 },
  { name: 'tfjs 4.22, wasm', W1: 4958, W2: 417, W3: 6263 },
  { name: 'tfjs 4.22, WebGPU on lavapipe', W1: 14812, W2: 1935 },
];
