/** Where a number stops being healthy; docs/diagnosis.md gives the reason of each. */
export const THRESHOLDS = {
  /** Root mean square of a block's meta-gradient a weight: meta-Adam's epsilon, which halves its step there. */
  faintGradient: 1e-8,
  /** Factor between a block's median norms of the first and of the last third. */
  drift: 100,
  /** Largest norm of the meta-gradient against the median. */
  spike: 100,
  /** Share of the meta-steps that the clip bound. */
  clipped: 0.5,
  /** Share of skipped meta-steps that is worth a look, and that is wrong. */
  skipped: { look: 0.01, wrong: 0.2 },
  /** Share of the skipped steps that one tenth of the run must hold for them to cluster, and how many there must be. */
  cluster: { share: 0.5, least: 4 },
  /** Standard errors that a slope must be away from zero. */
  slope: 2,
  /** Relative change of the meta-loss that the last third must be able to tell from noise. */
  resolution: 0.2,
  /** Episodes that the last third needs for a slope. */
  episodes: 5,
  /** Fall of the meta-loss, or of the validation loss, that counts as having learned. */
  progress: 0.02,
  /** How far the last validation lies above the best one. */
  relapse: { look: 0.1, wrong: 0.5 },
  /** Gate values outside [low, high] are saturated; shares of them that are worth a look, and that are wrong. */
  gates: { low: 0.05, high: 0.95, look: 0.5, wrong: 0.9 },
  /** Mean cosine of updates and Adam's steps below which it is worth a look, and wrong. */
  cosine: { look: 0.1, wrong: 0 },
  /** Size of an update over that of Adam's step with learning rate 1: below the one it stands still, above the other it leaps. */
  rate: { low: 1e-6, high: 1 },
} as const;
