/** Folders of executables for tests. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Notice, Notify } from "../../../core/notice.ts";

/** Puts a shell script into the folder; `body` follows `#!/bin/sh`. */
export async function script(folder: string, name: string, body: string, mode = 0o755): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, mode);
}

/** A listener, and what it heard as `level code: message`. */
export function notebook(): { readonly notify: Notify; readonly heard: string[] } {
  const heard: string[] = [];
  return { heard, notify: ({ level, code, message }: Notice) => heard.push(`${level} ${code}: ${message}`) };
}
