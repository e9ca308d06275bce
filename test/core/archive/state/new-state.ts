/** State databases for tests, each in a folder of its own, which is gone when the database is disposed of. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openState } from "../../../../core/archive/state/database.ts";

/** For `using`. Not `:memory:`, which it would take for the name of a file in the working directory. */
export function newState(): ReturnType<typeof openState> {
  const folder = mkdtempSync(join(tmpdir(), "sysbackup-state-"));
  const database = openState(join(folder, "state.sqlite"), "file:///bucket");
  return Object.assign(database, {
    [Symbol.dispose]: () => {
      database.close();
      rmSync(folder, { recursive: true });
    },
  });
}
