import { ConfigError, FileFormatError } from '../../errors.ts';
import type { SafeTensorsFile } from '../../io/safetensors.ts';

export const CASE_FORMAT = 'coordwise-gradient-case-1';

/** The settings of a case: strings that must be there and make sense; errors name the file and the setting. */
export class CaseMetadata {
  readonly source: string;
  readonly #file: SafeTensorsFile;

  constructor(file: SafeTensorsFile, source: string) {
    this.#file = file;
    this.source = source;
  }

  text(name: string): string {
    const value = this.#file.metadata[name];
    if (value === undefined) {
      throw new FileFormatError(
        `${this.source}: the metadata lack ${name}`,
        `write a case of format ${CASE_FORMAT}, as docs/gradientCases.md describes it`,
      );
    }
    return value;
  }

  number(name: string): number {
    const text = this.text(name);
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) {
      throw new FileFormatError(`${this.source}: ${name} is ${text}, not a number`, 'write a number');
    }
    return value;
  }

  integer(name: string, least: number): number {
    const value = this.number(name);
    if (!Number.isInteger(value) || value < least) {
      throw new FileFormatError(
        `${this.source}: ${name} is ${value}`,
        `write a whole number of at least ${least}`,
      );
    }
    return value;
  }

  /** @throws ConfigError when the case asks for what is not built. */
  oneOf<const T extends string>(name: string, known: readonly T[]): T {
    const value = this.text(name);
    const found = known.find((choice) => choice === value);
    if (!found) {
      throw new ConfigError(
        `${this.source} asks for ${name} ${JSON.stringify(value)}, which is not built`,
        `this version knows ${name}: ${known.join(', ')}`,
      );
    }
    return found;
  }
}
