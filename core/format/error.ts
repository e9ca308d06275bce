/** Bytes are not what the format promises. Callers add which object they came from. */
export class FormatError extends Error {
  constructor(
    /**
     * `newer`: written by a later version of sysbackup; `sealed`: nobody has named a keyfile or an identity that opens it; `altered`:
     * everything else.
     */
    readonly kind: "newer" | "sealed" | "altered",
    message: string,
  ) {
    super(message);
    this.name = "FormatError";
  }
}

export function altered(message: string): FormatError {
  return new FormatError("altered", message);
}

export function undecodable(): FormatError {
  return altered("it cannot be decompressed");
}
