/**
 * The one kind of error a user is meant to read. `message` is a single sentence that says what was wrong and
 * where; `remedy` says what to do about it. Everything that rejects a user's input throws this.
 */
export class CoordwiseError extends Error {
  override readonly name: string = 'CoordwiseError';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** A file's bytes are not what they claim to be: truncated, corrupted, of another format, or holding NaN. */
export class FileFormatError extends CoordwiseError {
  override readonly name = 'FileFormatError';
}

/** A setting is unknown, not a number, or out of range. */
export class ConfigError extends CoordwiseError {
  override readonly name = 'ConfigError';
}
