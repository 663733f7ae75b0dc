import type { DiagnosisPart, Status } from '../../report/diagnosisData.ts';
import { listed } from './numbers.ts';

/** The whole diagnosis in one sentence. */
export function verdictOf(parts: readonly DiagnosisPart[]): string {
  const titles = (status: Status) =>
    parts.filter((part) => part.status === status).map(({ title }) => `"${title}"`);
  const [wrong, look, unknown] = [titles('wrong'), titles('look'), titles('unknown')];
  const judged = parts.length - unknown.length;
  const rest = unknown.length > 0 ? `; not judged: ${listed(unknown, parts.length)}` : '';
  const others = look.length > 0 ? `worth a look: ${listed(look, parts.length)}` : '';
  if (wrong.length > 0) {
    const also = others === '' ? '' : `; ${others}`;
    return `${wrong.length} of ${judged} parts ${wrong.length === 1 ? 'is' : 'are'} wrong: ${listed(wrong, parts.length)}${also}${rest}.`;
  }
  return others === ''
    ? `All ${judged} parts that were judged are healthy${rest}.`
    : `Nothing is wrong; ${others}${rest}.`;
}
