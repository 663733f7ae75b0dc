/** The candidate characters, by script, each with its name. */

/**
 * @typedef {object} Character
 * @property {string} character
 * @property {string} script
 * @property {string} name
 */

const latin = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const latinExtended = 'Æ ae|Œ oe|Ø o with stroke|Þ thorn|Đ d with stroke|Ł l with stroke';
const digits = '0 zero|1 one|2 two|3 three|4 four|5 five|6 six|7 seven|8 eight|9 nine';
const symbols =
  '& ampersand|@ commercial at|# number sign|$ dollar sign|% percent sign|? question mark|£ pound sign|' +
  '€ euro sign|¥ yen sign|§ section sign|¶ pilcrow sign|* asterisk';
const greek =
  'Α alpha|Β beta|Γ gamma|Δ delta|Ε epsilon|Ζ zeta|Η eta|Θ theta|Ι iota|Κ kappa|Λ lambda|Μ mu|Ν nu|Ξ xi|' +
  'Ο omicron|Π pi|Ρ rho|Σ sigma|Τ tau|Υ upsilon|Φ phi|Χ chi|Ψ psi|Ω omega';
const cyrillic =
  'А a|Б be|В ve|Г ghe|Д de|Е ie|Ж zhe|З ze|И i|Й short i|К ka|Л el|М em|Н en|О o|П pe|Р er|С es|Т te|У u|' +
  'Ф ef|Х ha|Ц tse|Ч che|Ш sha|Щ shcha|Ъ hard sign|Ы yeru|Ь soft sign|Э e|Ю yu|Я ya|Є ukrainian ie|Ђ dje|' +
  'Љ lje|Њ nje|Ћ tshe|Џ dzhe';
const syllables =
  'a i u e o ka ki ku ke ko sa si su se so ta ti tu te to na ni nu ne no ha hi hu he ho ma mi mu me mo ya yu yo ' +
  'ra ri ru re ro wa wo n';
const hiragana =
  'あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん';
const katakana =
  'アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン';
/** The 80 characters of the first school year (kyōiku kanji, Ministry of Education of Japan). */
const han =
  '一右雨円王音下火花貝学気九休玉金空月犬見五口校左三山子四糸字耳七車手十出女小上森人水正生青夕石赤千川先早草足' +
  '村大男竹中虫町天田土二日入年白八百文木本名目立力林六';

/**
 * @param {string} script
 * @param {string} list "x name|y name"
 * @param {string} prefix
 * @returns {Character[]}
 */
function parse(script, list, prefix = '') {
  return list.split('|').map((entry) => {
    const [character = '', ...words] = entry.split(' ');
    return { character, script, name: prefix + words.join(' ') };
  });
}

/**
 * Capitals, then the small letters they have.
 *
 * @param {string} script
 * @param {Character[]} capitals
 * @returns {Character[]}
 */
function bothCases(script, capitals) {
  const name = script.toLowerCase();
  return [
    ...capitals.map((entry) => ({ ...entry, name: `${name} capital ${entry.name}` })),
    ...capitals.map(({ character, name: letter }) => {
      return { character: character.toLowerCase(), script, name: `${name} small ${letter}` };
    }),
  ];
}

/**
 * @param {string} script
 * @param {string} list one character a syllable
 * @returns {Character[]}
 */
function syllabary(script, list) {
  const names = syllables.split(' ');
  return [...list].map((character, index) => {
    return { character, script, name: `${script.toLowerCase()} ${names[index]}` };
  });
}

/** In this order: of characters that look alike, the first one names their class. */
export const characters = [
  ...bothCases(
    'Latin',
    latin.map((character) => ({ character, script: 'Latin', name: character.toLowerCase() })),
  ),
  ...bothCases('Latin', parse('Latin', latinExtended)),
  ...parse('Latin', 'ß sharp s|ð eth', 'latin small '),
  ...parse('Digit', digits, 'digit '),
  ...bothCases('Greek', parse('Greek', greek)),
  ...parse('Greek', 'ς final sigma', 'greek small '),
  ...bothCases('Cyrillic', parse('Cyrillic', cyrillic)),
  ...syllabary('Hiragana', hiragana),
  ...syllabary('Katakana', katakana),
  ...[...han].map((character) => {
    const code = character.codePointAt(0)?.toString(16);
    return { character, script: 'Han', name: `han u+${code}` };
  }),
  ...parse('Symbol', symbols),
];
