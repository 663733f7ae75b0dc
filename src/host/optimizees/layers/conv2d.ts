import {
  planConv2dReads,
  recordConv2dBackwardInput,
  recordConv2dBackwardWeights,
  recordConv2dForward,
  recordConv2dRBackwardInput,
  recordConv2dRBackwardWeights,
  recordConv2dRForward,
} from '../../ops/conv2d.ts';
import { conv2dOutput, conv2dParameters, conv2dPartials } from '../../ops/conv2dSizes.ts';
import { recordNormal, recordUniform } from '../../ops/random.ts';
import type { InitialValues, Layer, Shape } from './layer.ts';
import type { Conv2dSettings } from './settings.ts';

/**
 * A convolution; parameters: weight [in, kernel, kernel, out] row-major, then bias [out].
 * @throws ConfigError when the kernel does not fit into the image
 */
export function conv2dLayer(input: Shape, settings: Conv2dSettings, initial: InitialValues): Layer {
  const { channels: outChannels, kernel, stride, padding } = settings;
  const { channels: inChannels, height: inHeight, width: inWidth } = input;
  const output = conv2dOutput(inHeight, inWidth, kernel, stride, padding);
  const own = { inChannels, outChannels, inHeight, inWidth, kernel, stride, ...output };
  const parameters = conv2dParameters(own);
  return {
    kind: 'conv',
    name: `conv ${kernel}x${kernel} ${inChannels}-${outChannels}`,
    output: { channels: outChannels, height: output.outHeight, width: output.outWidth },
    parameters,
    recordStart(program, keys, theta, place) {
      const span = { count: parameters, ...place };
      if (initial.kind === 'normal') {
        recordNormal(program, keys, theta, { ...span, scale: initial.scale });
      } else {
        const bound = 1 / Math.sqrt(inChannels * kernel * kernel);
        recordUniform(program, keys, theta, { ...span, low: -bound, high: bound });
      }
    },
    planReads: (pool, { x, dy }, wantsInputAdjoint) =>
      planConv2dReads(pool, wantsInputAdjoint ? { x, dy } : { x }),
    bind(pool, { tasks, rows }, { stride: taskStride, offset }) {
      const sizes = { ...own, tasks, rows, taskStride, offset };
      const partials = pool.tensor('conv partial sums', [tasks, conv2dPartials(own)]);
      return {
        recordForward: (program, { theta, x, y }) => recordConv2dForward(program, { theta, x, y }, sizes),
        recordBackward(program, { theta, x, dy, dx, gradient }) {
          if (gradient) recordConv2dBackwardWeights(program, { x, dy, gradient, partials }, sizes);
          if (dx) recordConv2dBackwardInput(program, { theta, dy, dx }, sizes);
        },
        recordRForward(program, { theta, v, x, rx, ry }) {
          recordConv2dRForward(program, { theta, v, x, rx, ry }, sizes);
        },
        recordRBackward(program, { theta, v, x, rx, dy, rdy, rdx, product }) {
          recordConv2dRBackwardWeights(program, { x, rx, dy, rdy, product, partials }, sizes);
          if (rdx) recordConv2dRBackwardInput(program, { theta, v, dy, rdy, rdx }, sizes);
        },
      };
    },
  };
}
