import { ConfigError } from '../../errors.ts';
import type { GateName } from '../../ops/gated.ts';
import type { NamedWeights } from '../optimizer.ts';
import { gatedLayout } from './layout.ts';
import type { GatedSettings } from './settings.ts';
import { namedBlocks } from './weights.ts';

/**
 * A trained gated optimizer with some of its gates held at numbers: its settings, and of its weights those that are
 * left. With all of them held it is SGD or heavy-ball momentum.
 * @throws ConfigError for a gate that it does not have, and where groups of parameters have weights of their own
 */
export function withFixedGates<Settings extends GatedSettings & { readonly groups?: unknown }>(
  settings: Settings,
  weights: ReadonlyMap<string, NamedWeights>,
  fixed: Readonly<Partial<Record<GateName, number>>>,
): { readonly settings: Settings; readonly weights: ReadonlyMap<string, NamedWeights> } {
  if (settings.groups) {
    throw new ConfigError(
      `${settings.kind}: gates cannot be held where groups of parameters have weights of their own`,
      'take weights that all parameters share',
    );
  }
  const held = Object.entries(fixed).map(([name, value]) => {
    if (settings.gates[name as GateName] !== undefined) return [name, { fixed: value }] as const;
    throw new ConfigError(`${settings.kind} has no ${name} gate`, 'hold one that it has');
  });
  const changed = { ...settings, gates: { ...settings.gates, ...Object.fromEntries(held) } };
  const names = new Set(namedBlocks(gatedLayout(changed)).map(({ name }) => name));
  return { settings: changed, weights: new Map([...weights].filter(([name]) => names.has(name))) };
}
