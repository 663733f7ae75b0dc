/**
 * Threefry-2x32, 20 rounds (Salmon et al., SC 2011): the same words as src/shaders/lib/threefry.wgsl, bit for
 * bit. Everything random in the engine is a pure function of (key, counter).
 */
export type Words = readonly [number, number];

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** Two 32-bit words from a 64-bit key and a 64-bit counter; all words unsigned. */
export function threefry(key: Words, counter: Words): Words {
  const schedule = [key[0], key[1], (0x1bd11bda ^ key[0] ^ key[1]) >>> 0] as const;
  let x = (counter[0] + schedule[0]) >>> 0;
  let y = (counter[1] + schedule[1]) >>> 0;
  for (let group = 0; group < 5; group++) {
    for (const bits of ROTATIONS[group % 2 === 0 ? 0 : 1]) {
      x = (x + y) >>> 0;
      y = (((y << bits) | (y >>> (32 - bits))) ^ x) >>> 0;
    }
    x = (x + (schedule[(group + 1) % 3] ?? 0)) >>> 0;
    y = (y + (schedule[(group + 2) % 3] ?? 0) + group + 1) >>> 0;
  }
  return [x, y];
}

/** [0, 1) in steps of 2^-24, exactly representable in f32. */
export function toUnit(bits: number): number {
  return (bits >>> 8) * 2 ** -24;
}

/** What a stream of random numbers is for: the high byte of the counter's second word. */
export const STREAMS = {
  problemMatrix: 1 << 24,
  problemVector: 2 << 24,
  start: 3 << 24,
  /** The step of the episode is added: at most 2^24 steps. */
  minibatch: 4 << 24,
  phi: 5 << 24,
  task: 6 << 24,
  episodeClasses: 7 << 24,
  episodeExamples: 8 << 24,
  sineTask: 9 << 24,
  sinePoints: 10 << 24,
  /** The step of the episode is added. */
  coordinateSample: 11 << 24,
  /** The step of the episode is added to both. */
  classDistortion: 12 << 24,
  exampleDistortion: 13 << 24,
  randomScaling: 14 << 24,
  helperTarget: 15 << 24,
  helperScaling: 16 << 24,
  perturbation: 17 << 24,
} as const;

/**
 * Streams for problems that a program brings itself, as many as 128: no stream of STREAMS is among them.
 * @throws RangeError where `index` is no whole number from 0 to 127
 */
export function ownStream(index: number): number {
  if (!Number.isInteger(index) || index < 0 || index > 127) {
    throw new RangeError(`stream ${index} of a program's own problem is not from 0 to 127`);
  }
  return (128 + index) * 2 ** 24;
}

/** Which list of tasks a key belongs to. Lists never share a key. */
export type TaskList = 'train' | 'validation' | 'test';
const LISTS: Record<TaskList, number> = { train: 0, validation: 1, test: 2 };

/** The keys [count, 2] of tasks first .. first + count of a list: each task is a function of its key alone. */
export function taskKeys(seed: number, list: TaskList, first: number, count: number): Uint32Array {
  const keys = new Uint32Array(2 * count);
  const key: Words = [seed >>> 0, STREAMS.task + LISTS[list]];
  for (let task = 0; task < count; task++) {
    keys.set(threefry(key, [first + task, LISTS[list]]), 2 * task);
  }
  return keys;
}

/** The example indices of one minibatch, as images/minibatch.wgsl draws them. */
export function minibatchIndices(key: Words, step: number, rows: number, images: number): Uint32Array {
  return Uint32Array.from(
    { length: rows },
    (_, row) => threefry(key, [row, STREAMS.minibatch + step])[0] % images,
  );
}
