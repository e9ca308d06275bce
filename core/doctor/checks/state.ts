import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fact, isCorruption, statePath } from "../../archive/state/database.ts";
import { examineStateDir } from "../../archive/state/folder.ts";
import { openStateFile } from "../../archive/state/open-state.ts";
import { bucketIdentity } from "../../archive/state/use.ts";
import { reasonOf } from "../../failure.ts";
import { userName } from "../../system/owners.ts";
import type { Check } from "../check.ts";
import { bad, CannotLook, good, type Look, note, warning } from "../finding.ts";
import { lockHolder } from "../lock-holder.ts";
import type { Runner } from "../runner.ts";
import { statOf } from "../stat-of.ts";

/** Checks that the state database belongs to the user who archives, is closed to others, and opens. */
export const state: Check<"config" | "runner" | "opened"> = {
  name: "state",
  onlyForArchive: true,
  async look(machine) {
    const config = await machine.config();
    const { stateDir, name } = config.backup;
    if ((await statOf(stateDir)) === undefined) {
      return [note(`${JSON.stringify(stateDir)} does not exist yet: the first archive makes it`)];
    }
    const runner = await machine.runner();
    const trouble = await writeTrouble(stateDir, name, runner);
    if (trouble !== undefined) return [trouble];
    const exposed = await exposure(stateDir, runner.uid);
    if (exposed?.state === "bad") return [exposed];
    const path = statePath(stateDir, name);
    const looks = [...(exposed === undefined ? [] : [exposed])];
    if ((await statOf(path)) === undefined) return [...looks, note("empty: no archive has run yet")];
    if ((await lockHolder(`${path}.lock`)) !== undefined)
      return [...looks, note("not checked: an archive uses it now")];
    if (((await statOf(`${path}-wal`))?.size ?? 0) > 0) {
      return [...looks, note("the last run was interrupted: the next one continues from there")];
    }
    const bucket = await machine.opened().then(
      ({ url }) => bucketIdentity(url, config),
      () => undefined,
    );
    return [...looks, contentLook(path, bucket)];
  },
};

/** Finds a file that the service cannot write, such as one that a run by hand as root left behind. */
async function writeTrouble(stateDir: string, name: string, runner: Runner): Promise<Look | undefined> {
  const names = (await readdir(stateDir).catch(() => [])).filter((file) => file.startsWith(`${name}.sqlite`));
  for (const path of [stateDir, ...names.map((file) => join(stateDir, file))]) {
    const uid = (await statOf(path))?.uid;
    if (uid === undefined || uid === runner.uid || (await runner.may?.("write", path)) === true) continue;
    const whose = userName(uid) ?? `user ${uid}`;
    const text = `${JSON.stringify(path)} belongs to ${whose}, but ${runner.name} archives`;
    return bad(text, `chown -R ${runner.name}: ${JSON.stringify(stateDir)}`);
  }
  if ((await runner.may?.("write", stateDir)) !== false) return undefined;
  const text = `${JSON.stringify(stateDir)} cannot be written by ${runner.name}`;
  return bad(text, `chmod u+rwx ${JSON.stringify(stateDir)}; check that the filesystem is mounted read-write`);
}

/** Reports other users who could read or change the state. An archive closes its own folder by itself. */
async function exposure(stateDir: string, uid: number): Promise<Look | undefined> {
  const quoted = JSON.stringify(stateDir);
  const { refused, open, ours } = await examineStateDir(stateDir, uid).catch((error: unknown) => {
    throw new CannotLook({ doing: "look into", what: stateDir, why: reasonOf(error), remedy: "run doctor as root" });
  });
  if (refused !== undefined) return bad(`an archive refuses ${quoted}: ${refused.why}`, refused.remedy);
  if (!open) return undefined;
  if (ours) return note(`${quoted} is open to other users: the next archive closes it`);
  return warning(
    `${quoted} also has other files, and is open to other users, who can see the names of backups`,
    "name a separate folder with state_dir in the [backup] section",
  );
}

const rebuilt = "nothing to do: the next archive rebuilds it from the bucket's index, and takes longer";

function contentLook(path: string, bucket: string | undefined): Look {
  const quoted = JSON.stringify(path);
  try {
    using database = openStateFile(path);
    const stored = fact(database, "bucket");
    if (bucket !== undefined && stored !== bucket) return note(`${quoted} is of another bucket, ${stored}`, rebuilt);
    return good(`${quoted} opens`);
  } catch (error) {
    if (isCorruption(error)) return warning(`${quoted} is damaged: ${reasonOf(error)}`, rebuilt);
    return bad(`${quoted} cannot be read: ${reasonOf(error)}`, "check its owner and mode; run doctor as root");
  }
}
