/** A directory of a test's own, removed at its end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function scratch(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "sysbackup-bucket-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
