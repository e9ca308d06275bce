/** Stores each dump as one object, compressed if that saves space: the layout `objects`. */
import { type Compression, codecNamed, pays, sampleSize } from "../../format/codecs/codec.ts";
import type { Keyed } from "../../format/codecs/keyed.ts";
import { keys } from "../../format/keys/keys.ts";
import { type WriteTarget, writeStream } from "../../stored/write.ts";
import { metadataOf } from "./metadata.ts";
import type { DumpStore } from "./snapshot.ts";

export type WholeDumpDeps = {
  /** The backup name. */
  readonly name: string;
  readonly target: WriteTarget;
  readonly compression: Compression;
  /** Set for sealed backups: the object then says nothing of its dump. */
  readonly keyed?: Keyed | undefined;
};

export function wholeDumps({ name, target, compression, keyed }: WholeDumpDeps): DumpStore {
  return async ({ dumpName, started, dump, content, talk }) => {
    const codec = pays(await dump.peek(sampleSize), compression) ? compression.codec : "none";
    return writeStream(target, {
      content,
      codec,
      level: compression.level,
      key: keys.snapshot(name, started, keyed?.name(dumpName) ?? dumpName, codecNamed(codec).suffix),
      // What is said after the object was begun is in the manifest only.
      get metadata() {
        return keyed === undefined ? metadataOf(talk) : {};
      },
    });
  };
}
