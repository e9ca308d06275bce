/** Seals and opens objects by the package `age-encryption`, in this process: for machines without the program, and some ten times slower. */
import { Decrypter, Encrypter } from "age-encryption";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import type { SealingWay } from "../format/codecs/sealing.ts";
import type { ByteStream } from "../format/codecs/zlib.ts";
import { altered, FormatError } from "../format/error.ts";

/** Throws a Failure for recipients that only the program knows. */
export function sealByPackage(recipients: readonly string[]): SealingWay {
  const sealing = new Encrypter();
  for (const recipient of recipients) {
    try {
      sealing.addRecipient(recipient);
    } catch (error) {
      throw needsProgram("seal for", recipient, error);
    }
  }
  return async function* (content) {
    yield* piecesOf(await sealing.encrypt(streamOf(content)));
  };
}

/** `identities`: lines `AGE-SECRET-KEY-1…`. Throws a Failure for others. */
export function openByPackage(identities: readonly string[]): SealingWay {
  const opening = new Decrypter();
  for (const identity of identities) {
    try {
      opening.addIdentity(identity);
    } catch (error) {
      throw needsProgram("open with", "an identity", error);
    }
  }
  return async function* (stored) {
    // The package words errors of the source as its own.
    let failure: { readonly error: unknown } | undefined;
    const source = (async function* () {
      try {
        yield* stored;
      } catch (error) {
        failure = { error };
        throw error;
      }
    })();
    try {
      yield* piecesOf(await opening.decrypt(streamOf(source)));
    } catch (error) {
      if (failure !== undefined) throw failure.error;
      const why = reasonOf(error);
      if (/no identity matched/.test(why))
        throw new FormatError("sealed", "it is sealed for others: the identity does not open it");
      throw altered(`it cannot be opened: ${why}`);
    }
  };
}

/** Bytes that the package gets at a time: of those, an error takes what was opened before it along. */
const sliceOfContent = 64 * 1024;

function streamOf(content: ByteStream): ReadableStream<Uint8Array> {
  const iterator = content[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (rest.length === 0) {
        const { value, done } = await iterator.next();
        if (done) return controller.close();
        // A copy: the source may use its buffer again.
        rest = new Uint8Array(value);
      }
      controller.enqueue(rest.subarray(0, sliceOfContent));
      rest = rest.subarray(sliceOfContent);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let isWhole = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      yield value;
    }
    isWhole = true;
  } finally {
    if (!isWhole) await reader.cancel().catch(() => {});
  }
}

function needsProgram(doing: string, what: string, cause: unknown): Failure {
  const remedy = "install the program age: the package that this program brings knows keys of age only, none of SSH";
  return new Failure({ doing, what, why: reasonOf(cause), remedy, exit: exitStatus.usage, cause });
}
