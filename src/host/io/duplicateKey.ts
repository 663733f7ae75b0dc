/**
 * The first key that occurs twice in one object of a JSON text, or undefined. `JSON.parse` keeps the last of two
 * equal keys and says nothing, so a file could hold two tensors of one name. Only objects nested at most `depth`
 * deep are looked at (1 is the outermost), which bounds the memory used.
 *
 * @param json a text that `JSON.parse` has accepted; keys are compared as parsed, so "a" equals "\u0061"
 */
export function findDuplicateKey(json: string, depth: number): string | undefined {
  const seen = Array.from({ length: depth }, () => new Set<string>());
  let level = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') {
      level++;
      seen[level - 1]?.clear();
    } else if (character === '}') {
      level--;
    } else if (character === '"') {
      const start = at;
      at = endOfString(json, at);
      const keys = seen[level - 1];
      if (keys === undefined || !isFollowedByColon(json, at)) continue;
      const key = String(JSON.parse(json.slice(start, at + 1)));
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** The index of the quote that ends the string whose opening quote is at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}

function isFollowedByColon(json: string, quoteAt: number): boolean {
  let at = quoteAt + 1;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return json[at] === ':';
}
