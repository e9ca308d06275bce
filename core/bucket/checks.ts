/** Checks before every put, so that no implementation accepts what S3 refuses. */
import { BucketError } from "./contract.ts";

const metadataName = /^[a-z0-9][a-z0-9._-]*$/;
const printable = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** S3 counts the bytes of all names and values together. */
const metadataLimit = 2048;

/** S3's limit on a key, in bytes of UTF-8. */
const keyLimit = 1024;

/** Throws `other` for a key that S3 would refuse. */
export function checkKey(key: string): void {
  const why = !key.isWellFormed()
    ? "the key is not valid Unicode"
    : key === ""
      ? "the key is empty"
      : Buffer.byteLength(key) > keyLimit
        ? `the key is longer than ${keyLimit} bytes`
        : undefined;
  if (why !== undefined) throw new BucketError("other", { doing: "use the object key", what: key, why });
}

/** Throws `other` for metadata that S3 would refuse, or change on the way: HTTP strips spaces around a value. */
export function checkMetadata(key: string, metadata: Readonly<Record<string, string>> = {}): void {
  const refuse = (why: string) => new BucketError("other", { doing: "store the metadata of", what: key, why });
  let size = 0;
  for (const [name, value] of Object.entries(metadata)) {
    if (!metadataName.test(name)) throw refuse(`${JSON.stringify(name)} is not a name in lower-case ASCII`);
    if (!printable.test(value)) throw refuse(`the value of ${name} is not printable ASCII without spaces around it`);
    size += name.length + value.length;
  }
  if (size > metadataLimit) throw refuse(`it takes ${size} bytes, more than the ${metadataLimit} allowed`);
}
