/** State databases for tests, each of its own, in a folder that is gone when the process ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openState } from "../../../../core/archive/state/database.ts";

let folder: string | undefined;
let made = 0;

/** Not `:memory:`, which it would take for the name of a file in the working directory. */
export function newState(): ReturnType<typeof openState> {
  folder ??= newFolder();
  made += 1;
  return openState(join(folder, `${made}.sqlite`), "file:///bucket");
}

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "sysbackup-state-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}
