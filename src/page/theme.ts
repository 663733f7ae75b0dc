/** Light or dark: as the system says, until the reader says otherwise. */

const KEY = 'scheme';
const dark = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

export function scheme(): 'light' | 'dark' {
  const chosen = document.documentElement.dataset['scheme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return dark.matches ? 'dark' : 'light';
}

export function onSchemeChange(listener: () => void): void {
  listeners.add(listener);
}

function apply(chosen: string | null): void {
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset['scheme'] = chosen;
}

/** Takes up what was chosen on an earlier visit. */
export function restoreScheme(): void {
  apply(localStorage.getItem(KEY));
  dark.addEventListener('change', () => {
    for (const listener of listeners) listener();
  });
}

export function toggleScheme(): void {
  const chosen = scheme() === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, chosen);
  apply(chosen);
  for (const listener of listeners) listener();
}

/** Whether the reader asked for less movement. */
export function wantsStillness(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
