/** Bytes of parts' text after which garbage is collected: what is made of entries takes ten times as much while they are decoded. */
export const garbageLimit = 8 * 1024 * 1024;
