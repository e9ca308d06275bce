/** Exceptions that are to go, one by one. A check fails if one of them is not needed any more. */

/** Names that several types have until they are renamed. */
export const doubledForNow: readonly string[] = ["HardLinks", "Region"];
