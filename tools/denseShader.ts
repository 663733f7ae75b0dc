/** A shader's text without comments and needless blanks: the same tokens in fewer bytes. */
export function denseShader(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim());
  const joined = lines.join('\n').replace(/\s*([{}()[\];:,=+*&|])\s*/g, '$1');
  return joined.replace(/\n+/g, '\n').trim();
}
