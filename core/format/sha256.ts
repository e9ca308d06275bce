/** Returns the SHA-256 of bytes in memory, hex. */
export function sha256(bytes: Uint8Array): string {
  return Bun.SHA256.hash(bytes, "hex");
}
