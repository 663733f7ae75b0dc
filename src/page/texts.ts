import type { OptimizerName, TaskName } from './presets.ts';

interface Text {
  readonly label: string;
  readonly detail: string;
}

export const TASK_TEXTS: Readonly<Record<TaskName, Text>> = {
  quadratic: { label: 'Quadratics', detail: 'Random bowls in ten dimensions, a new one every time.' },
  digits: { label: 'Digits', detail: 'A small network learns to read handwritten digits, 7 by 7 pixels.' },
  sine: { label: 'Sines', detail: 'Few-shot: five steps to fit a sine from ten of its points.' },
  glyphs: {
    label: 'Characters',
    detail: 'Few-shot: five steps to tell five unknown characters apart from one drawing of each.',
  },
};

/** One step of the ladder each. */
export const LADDER_TEXTS: Readonly<Record<OptimizerName, Text>> = {
  'gradient-descent-lstm': {
    label: 'Gradient descent is an LSTM',
    detail:
      'Its cell holds the parameters, its forget gate is 1. Only the input gate, a learning rate, is learned.',
  },
  'meta-lstm': {
    label: 'Both gates learned',
    detail:
      'The forget gate may let parameters decay, the input gate gives each coordinate a rate of its own.',
  },
  'momentum-lstm': {
    label: 'One more cell',
    detail: 'A second cell collects past gradients, with gates of its own: momentum that is learned.',
  },
  l2l: {
    label: 'A free LSTM',
    detail: 'Nothing of gradient descent is left: the LSTM reads gradients and writes updates.',
  },
  rnnprop: {
    label: 'An LSTM that sees what Adam sees',
    detail:
      'It reads gradients in units of their own size, as Adam does, and its steps are bounded: steadier far from home.',
  },
};
