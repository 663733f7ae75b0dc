import type { TransferColumn } from './results.ts';

/** A cell's name in words. */
export function columnName({ axis, value }: TransferColumn): string {
  return axis === 'trained' ? value : `${axis} ${value}`;
}
