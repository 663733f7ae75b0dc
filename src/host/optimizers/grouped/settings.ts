/** What parameters are told apart by: the kind of layer they belong to, or the layer. */
export const GROUPINGS = ['kinds', 'layers'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Groups of parameters, each with weights phi of its own. */
export interface GroupSettings {
  readonly by: Grouping;
  /** 'conv', 'dense', ... or 'conv1', 'dense2', ...: those that weights are for, in phi's order. */
  readonly names: readonly string[];
}
