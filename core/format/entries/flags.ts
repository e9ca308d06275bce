/** Flags of files and folders that are kept: the letters of `chattr`, and the bits of the kernel, in `statx` and its ioctls. */
export const flagBits = { i: 0x10, a: 0x20, d: 0x40 } as const;

/** As manifests have them: `ia`. */
export function encodeFlags(flags: number): string {
  return Object.entries(flagBits)
    .map(([letter, bit]) => (flags & bit ? letter : ""))
    .join("");
}

export function decodeFlags(letters: string): number {
  return Object.entries(flagBits).reduce((flags, [letter, bit]) => flags | (letters.includes(letter) ? bit : 0), 0);
}
