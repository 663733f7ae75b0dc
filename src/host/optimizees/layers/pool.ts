import {
  poolOutput,
  recordAveragePoolBackward,
  recordAveragePoolForward,
  recordMaxPoolBackward,
  recordMaxPoolForward,
  recordMaxPoolRBackward,
  recordMaxPoolRForward,
} from '../../ops/pool.ts';
import type { BoundLayer, Layer, Shape } from './layer.ts';
import type { PoolSettings } from './settings.ts';

/**
 * The maximum or the mean of windows of every channel, without padding.
 * @throws ConfigError when no window fits
 */
export function poolLayer(input: Shape, { kind, size, stride }: PoolSettings): Layer {
  const { channels, height: inHeight, width: inWidth } = input;
  const output = poolOutput(inHeight, inWidth, size, stride);
  const own = { channels, inHeight, inWidth, kernel: size, stride, ...output };
  return {
    kind,
    name: `${kind} ${size}`,
    output: { channels, height: output.outHeight, width: output.outWidth },
    parameters: 0,
    recordStart() {},
    bind(_pool, { tasks, rows }) {
      const sizes = { ...own, tasks, rows };
      return kind === 'max-pool' ? maxPool(sizes) : averagePool(sizes);
    },
  };
}

type Sizes = Parameters<typeof recordMaxPoolForward>[2];

function maxPool(sizes: Sizes): BoundLayer {
  return {
    recordForward: (program, { x, y }) => recordMaxPoolForward(program, { x, y }, sizes),
    recordBackward(program, { x, y, dy, dx }) {
      if (dx) recordMaxPoolBackward(program, { x, y, dy, dx }, sizes);
    },
    recordRForward(program, { x, rx, ry }) {
      if (rx) recordMaxPoolRForward(program, { x, rx, ry }, sizes);
    },
    recordRBackward(program, { x, y, rdy, rdx }) {
      if (rdx) recordMaxPoolRBackward(program, { x, y, rdy, rdx }, sizes);
    },
  };
}

function averagePool(sizes: Sizes): BoundLayer {
  return {
    recordForward: (program, { x, y }) => recordAveragePoolForward(program, { x, y }, sizes),
    recordBackward(program, { dy, dx }) {
      if (dx) recordAveragePoolBackward(program, { dy, dx }, sizes);
    },
    recordRForward(program, { rx, ry }) {
      if (rx) recordAveragePoolForward(program, { x: rx, y: ry }, sizes);
    },
    recordRBackward(program, { rdy, rdx }) {
      if (rdx) recordAveragePoolBackward(program, { dy: rdy, dx: rdx }, sizes);
    },
  };
}
