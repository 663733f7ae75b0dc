/** Numbers and strings as people read them. Nothing here depends on the machine's locale. */

const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  '-': '⁻',
  '0': '⁰',
  '1': '¹',
  '2': '²',
  '3': '³',
  '4': '⁴',
  '5': '⁵',
  '6': '⁶',
  '7': '⁷',
  '8': '⁸',
  '9': '⁹',
};

/** An integer with a comma every three digits: 12345 is '12,345'. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return 'not finite';
  const digits = Math.abs(value) < 1e21 ? BigInt(Math.round(value)).toString() : value.toPrecision(4);
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Bytes in binary units, three significant digits: 1536 is '1.50 KiB'. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'unknown';
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.round(Math.abs(value)) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? formatCount(value) : significant(value, 3)} ${units[unit] ?? ''}`;
}

/** A duration in seconds, in the unit a person would say: '3.20 ms', '12.5 s', '3 min 20 s', '2 h 5 min'. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 0) return `-${formatSeconds(-seconds)}`;
  if (seconds === 0) return '0 s';
  if (seconds < 0.9995e-3) return `${significant(seconds * 1e6, 3)} µs`;
  if (seconds < 0.9995) return `${significant(seconds * 1e3, 3)} ms`;
  if (seconds < 59.95) return `${significant(seconds, 3)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** A share with half its confidence interval, in percent: '96.3 ± 0.4 %'. */
export function formatPercent(share: number, interval: number): string {
  if (!Number.isFinite(share) || !Number.isFinite(interval)) return 'not finite';
  return `${(100 * share).toFixed(1)} ± ${(100 * interval).toFixed(1)} %`;
}

/** A loss to `digits` significant digits, in e-notation below 1e-3 and from 1e5 on; 'not finite' for NaN. */
export function formatLoss(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return 'not finite';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    return value.toExponential(digits - 1).replace('e+', 'e');
  }
  return significant(value, digits);
}

/** `mean ± error`, the error to two significant digits and the mean to the same decimal place. */
export function formatPlusMinus(mean: number, error: number): string {
  if (!Number.isFinite(mean)) return 'not finite';
  if (!Number.isFinite(error) || error <= 0) return formatLoss(mean);
  const size = Math.abs(mean);
  if (size < 1e-3 || size >= 1e5 || error >= 1e5) return `${formatLoss(mean)} ± ${formatLoss(error, 2)}`;
  const wanted = 1 - Math.floor(Math.log10(error));
  const useful = 4 - Math.floor(Math.log10(size));
  const decimals = Math.max(0, Math.min(wanted, useful));
  const rounded = error < 0.5 * 10 ** -decimals ? formatLoss(error, 2) : error.toFixed(decimals);
  return `${mean.toFixed(decimals)} ± ${rounded}`;
}

/**
 * Labels for the ticks of one axis: plain decimals where they are short, powers of ten ('10⁻⁵', '2·10⁻⁵') as
 * soon as one tick would need them.
 */
export function formatTicks(values: readonly number[]): string[] {
  const plain = values.every((value) => value === 0 || (Math.abs(value) >= 0.9e-3 && Math.abs(value) < 1e4));
  return values.map((value) => (plain ? String(Number(value.toPrecision(6))) : power(value)));
}

/** 'diverged in 3 tasks', or an empty string where none did. */
export function formatDiverged(tasks: number): string {
  if (!(tasks > 0)) return '';
  return `diverged in ${formatCount(tasks)} ${tasks === 1 ? 'task' : 'tasks'}`;
}

/** A string as the text of an HTML or SVG element or a quoted attribute; control characters become spaces. */
export function escapeMarkup(text: string): string {
  return singleLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A string on one line: control characters, terminal escapes and lone surrogates become spaces. */
export function singleLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ').trim();
}

function significant(value: number, digits: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(digits));
  const decimals = digits - 1 - Math.floor(Math.log10(Math.abs(rounded)));
  if (decimals < 0) return formatCount(value);
  return Math.abs(rounded) >= 1000 ? formatCount(rounded) : rounded.toFixed(decimals);
}

function power(value: number): string {
  if (value === 0) return '0';
  const [mantissa = '1', exponent = '0'] = value.toExponential(2).split('e');
  const raised = [...String(Number(exponent))].map((digit) => SUPERSCRIPTS[digit] ?? '').join('');
  const factor = Number(mantissa);
  return factor === 1 ? `10${raised}` : `${factor}·10${raised}`;
}
