/**
 * Shows a shell command from a manifest to a user who decides whether to run it. A hostile manifest can hide a part of a
 * command: behind spaces that scroll it off the screen, or with characters that reorder text, control the terminal, or
 * are invisible. Such parts are named in ⟪ ⟫, which is used for nothing else.
 */

/** Characters that are seen, other than the space: letters, digits, punctuation and symbols with a width of their own. */
const visible = /^[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800⟪⟫]$/u;
/** Letters that are written from right to left: they reorder the text beside them. */
const leftward = /^[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]$/u;
/** Longest run of spaces that is shown as it is. */
const mostSpaces = 3;
/** Bounds on the characters shown of a long command, at its start and at its end: together less than a screen. */
const mostAtStart = 700;
const mostAtEnd = 300;

const number = new Intl.NumberFormat("en");
const names: Readonly<Record<string, string>> = { "\n": "newline", "\t": "tab", "\r": "carriage return", " ": "space" };

type Piece = { readonly shown: string; readonly characters: number };

/** Returns the command as a word for a shell, with the words that introduce it. */
export function shownCommand(command: string): string {
  const pieces = [...piecesOf(command)];
  const { text, isWhole } = joined(pieces);
  const characters = pieces.reduce((sum, piece) => sum + piece.characters, 0);
  if (isWhole) return `sh -c ${shellQuoted(text)}`;
  return `a command of ${number.format(characters)} characters, where ⟪ ⟫ stands for what is hidden: sh -c ${shellQuoted(text)}`;
}

function* piecesOf(command: string): Generator<Piece> {
  for (const [run = ""] of command.matchAll(/(.)\1*/gsu)) {
    const [character = "", ...others] = run;
    const characters = others.length + 1;
    if (visible.test(character) && !leftward.test(character))
      for (const _ of run) yield { shown: character, characters: 1 };
    else if (character === " " && characters <= mostSpaces) yield { shown: run, characters };
    else
      yield { shown: `⟪${characters === 1 ? "" : `${number.format(characters)} × `}${nameOf(character)}⟫`, characters };
  }
}

function nameOf(character: string): string {
  return names[character] ?? `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function joined(pieces: readonly Piece[]): { readonly text: string; readonly isWhole: boolean } {
  const start = untilFull(pieces, mostAtStart + mostAtEnd);
  if (start === pieces.length) {
    const text = textOf(pieces);
    return { text, isWhole: !text.includes("⟪") };
  }
  const first = untilFull(pieces, mostAtStart);
  const last = pieces.length - untilFull(pieces.toReversed(), mostAtEnd);
  const left = pieces.slice(first, last).reduce((sum, { characters }) => sum + characters, 0);
  const mark = `⟪${number.format(left)} characters⟫`;
  return { text: `${textOf(pieces.slice(0, first))}${mark}${textOf(pieces.slice(last))}`, isWhole: false };
}

/** Returns the number of pieces that fit into `most` characters. */
function untilFull(pieces: readonly Piece[], most: number): number {
  let length = 0;
  const full = pieces.findIndex(({ shown }) => {
    length += shown.length;
    return length > most;
  });
  return full < 0 ? pieces.length : full;
}

/** Quotes text as one word for a shell. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ shown }) => shown).join("");
}
