/** Files that are in memory only, for programs that take a secret by the path of a file. */
import { closeSync, writeSync } from "node:fs";
import { fromText } from "../../format/path.ts";
import { cString, lastError, libc } from "../libc.ts";

const MFD_CLOEXEC = 1;

export type MemoryFile = Disposable & {
  /** Names it for processes of the same user, until it is disposed of. */
  readonly path: string;
};

/** Throws a SystemError if the kernel refuses. */
export function memoryFile(content: Uint8Array): MemoryFile {
  const descriptor = libc.memfd_create(cString(fromText("secret")), MFD_CLOEXEC);
  if (descriptor < 0) throw lastError("memfd_create");
  for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
  let isOpen = true;
  return {
    path: `/proc/${process.pid}/fd/${descriptor}`,
    [Symbol.dispose]() {
      // Once: its number may be another file's by then.
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}
