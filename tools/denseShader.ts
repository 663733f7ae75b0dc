/** A shader's text without comments and needless blanks, its functions' own names short: the same program in fewer bytes. */
export function denseShader(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim());
  const joined = lines.join('\n').replace(/\s*([{}()[\];:,=+*&|<>/%!])\s*/g, '$1');
  return shortNames(joined.replace(/\n+/g, '\n').trim());
}

/** A word that is no member: what follows a point belongs to a value. */
const WORD = /(?<![\w.])[A-Za-z_]\w*/g;

/** Names of one character, for what a function declares. */
const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];

/** `text` with short names for the parameters and variables of each function; those it has from elsewhere stay. */
function shortNames(text: string): string {
  let short = '';
  let done = 0;
  for (const { start, end } of functionsIn(text)) {
    short += text.slice(done, start) + withShortNames(text.slice(start, end));
    done = end;
  }
  return short + text.slice(done);
}

/** Where the functions of a text without comments begin and end. */
function functionsIn(text: string): { start: number; end: number }[] {
  return [...text.matchAll(/\bfn \w+\(/g)].map(({ index: start }) => {
    let depth = 0;
    let end = text.indexOf('{', start);
    do {
      if (text[end] === '{') depth++;
      if (text[end] === '}') depth--;
      end++;
    } while (depth > 0 && end < text.length);
    return { start, end };
  });
}

function withShortNames(code: string): string {
  const head = code.slice(0, code.indexOf('{'));
  const parameters = [...head.matchAll(/(\w+):/g)].map(([, name]) => name ?? '');
  const variables = [...code.matchAll(/\b(?:let|var|const) (\w+)/g)].map(([, name]) => name ?? '');
  // A name that is called, too, may be of a function outside.
  const called = new Set([...code.matchAll(/(?<![\w.])(\w+)\(/g)].map(([, name]) => name));
  // Names of one letter keep it, so that a name stays itself where no letter is left for it.
  const declared = [...parameters, ...variables].filter((name) => !called.has(name));
  const own = new Set([...declared.filter((name) => name.length === 1), ...declared]);
  const taken = new Set(code.match(WORD)?.filter((word) => !own.has(word)));
  const names = new Map<string, string>();
  for (const name of own) {
    // Of its own letters where one is free, so that a name is the same in most functions.
    const letter = [...name, ...LETTERS].find((one) => LETTERS.includes(one) && !taken.has(one)) ?? name;
    taken.add(letter);
    names.set(name, letter);
  }
  return code.replace(WORD, (word) => names.get(word) ?? word);
}
