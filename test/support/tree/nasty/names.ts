/** Names that break what treats paths as text, as lines, as arguments, or as keys. */
import { type Children, file, folder, raw } from "../literal.ts";

export function nastyNames(): Children {
  const all = [...lines, ...quoting, ...notUtf8, ...lookingAlike, ...keys, ...long];
  return {
    names: folder(named(all)),
    order: folder(order),
    // A folder's name goes through other code than a file's: into the paths of all that it holds.
    folders: folder(Object.fromEntries(all.map((name) => [name, folder({ inside: file(name) })]))),
  };
}

/** The content is the name, so that a mix-up of two files is seen. */
function named(names: readonly string[]): Children {
  return Object.fromEntries(names.map((name) => [name, file(name)]));
}

/** Pickers print lines, logs are lines, and journals too. */
const lines = [
  "new\nline",
  "\nleading new line",
  "trailing new line\n",
  "carriage\r\nreturn",
  "tab\there",
  // Terminals obey these when a name is printed as it is.
  "\u001b[31mred\u001b[0m",
  "bell\u0007backspace\bdelete\u007f",
  // Line separators to JavaScript, but not to Linux.
  "line\u2028separator",
  "next\u0085line",
  // What a snapshotter says; a picker's name must not be taken for it.
  "::restore-through:: rm -rf nothing",
];

/** Shells, globs, options, formats, URLs and JSON. */
const quoting = [
  " leading blank",
  "trailing blank ",
  " ",
  "two  blanks",
  'double "quotes"',
  "single 'quotes'",
  "back\\slash",
  "trailing backslash\\",
  "\\n",
  "-leading dash",
  "--",
  "--help",
  "-rf *",
  "*",
  "?",
  "[a-z]",
  "~",
  "#comment",
  ";semicolon",
  "$HOME",
  "$(touch injected)",
  "`touch injected`",
  "%s%n",
  "%2F",
  "a=b&c+d",
  "C:drive",
  '{"typ":"f","path":"passwd"}',
  '","path":"passwd',
  "[]",
  "null",
  "0",
  // Made of dots, but neither `.` nor `..`.
  "...",
  "..a",
  "a..",
  ".hidden",
];

/** Linux allows every byte but NUL and slash. */
const notUtf8 = [
  `latin1 caf${raw(0xe9)}`,
  raw(0xff),
  raw(0xfe),
  // Cut off in the middle of a character.
  `cut ${raw(0xe2, 0x82)}`,
  // A slash, written too long; a lax decoder makes a path separator of it.
  `overlong ${raw(0xc0, 0xaf)}`,
  // Half of a surrogate pair, as UTF-16 programs write it by mistake.
  `surrogate ${raw(0xed, 0xa0, 0x80)}`,
  // Beyond U+10FFFF.
  `beyond ${raw(0xf4, 0x90, 0x80, 0x80)}`,
  // UTF-8 and other bytes in one name.
  `mixed ä${raw(0xe4)} and\n"${raw(0x80)}`,
];

/** Different bytes that some encodings, filesystems or eyes take for the same. */
const lookingAlike = [
  // Composed and decomposed.
  "\u00e9",
  "e\u0301",
  // Invalid bytes are shown as U+FFFD, which is a name as well.
  "shown as \ufffd",
  `shown as ${raw(0xfd)}`,
  `shown as ${raw(0xfc)}`,
  // Decoders drop a byte order mark.
  "\ufeffmark",
  "mark",
  "case",
  "Case",
  "CASE",
  "zero\u200bwidth",
  "zerowidth",
];

/** Names of what every JavaScript object has already. */
const keys = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"];

/** 255 bytes is the most that Linux takes: nothing may be appended, as for a temporary name beside it. */
const long = ["n".repeat(255), "€".repeat(85), raw(...new Array<number>(255).fill(0xba)), `.${"t".repeat(250)}.tmp`];

/** Byte order is neither the order of UTF-16 units, nor that of a walk, nor that of a locale. */
const order: Children = {
  // By path `a-` and `a.` come before `a/`, and `a0` after it, though a walk sees `a` and all in it first.
  a: folder({ b: file("a/b"), "b-c": file("a/b-c"), z: folder({ deep: file("a/z/deep") }) }),
  "a-b": file("a-b"),
  "a.b": file("a.b"),
  a0: file("a0"),
  "a b": file("a b"),
  "a\n": file("a and new line"),
  "a-": folder({ in: file("a-/in") }),
  ab: folder({ in: file("ab/in") }),
  A: file("A"),
  Z: file("Z"),
  _: file("_"),
  ä: file("ä"),
  // In UTF-16 the emoji begins with U+D83D, so it sorts before these; in bytes it comes after.
  "\uff5e": file("fullwidth tilde"),
  "\ufffd": file("replacement character"),
  "\ue000": file("private use"),
  "😀": file("emoji"),
  "😀-": file("emoji and dash"),
  "\u{10ffff}": file("the last code point"),
  "👨‍👩‍👧‍👦": folder({ "🏳️‍🌈": file("joined emoji") }),
  // After all of UTF-8 in bytes; where a decoder makes U+FFFD of it, before the emoji.
  [raw(0xff)]: file("0xff"),
};
