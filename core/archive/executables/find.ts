/** Finds the executables of a folder such as `pickers.d`, by the rules of run-parts. */
import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, reasonOf } from "../../failure.ts";
import type { Notice, Notify } from "../../notice.ts";
import { strangerWhoCanChange } from "../../system/trust/strangers.ts";

export type ExecutableKind = "picker" | "snapshotter";

export type Executable = { readonly name: string; readonly path: string };

/** Names that are passed over. */
const passedOver = /^\.|~$|\.dpkg-[^.]*$|\.rpm[^.]*$|^README/;
/** Names of copies that editors and package managers leave beside an executable: executable as it is, and never meant to run. */
const leftover = /~$|\.dpkg-(?:old|new|dist|tmp|bak|remove|divert)$|\.rpm(?:save|new|orig)$/;

/**
 * Returns the executables of `folder` in byte order of name: regular files, and links to them. Skips folders and leftovers; says so of an
 * executable whose name is merely like theirs, and of a file without an x in its mode. Warns of what cannot be executed though it should,
 * and reports an error for a folder that cannot be read. `privileged` is the user whose rights they would get: an executable that others
 * can change is then left out with an error.
 */
export async function findExecutables(
  folder: string,
  kind: ExecutableKind,
  notify: Notify,
  privileged?: number,
): Promise<Executable[]> {
  const found: Executable[] = [];
  for (const name of await namesIn(folder, kind, notify)) {
    const path = join(folder, name);
    if (passedOver.test(name)) {
      if (!leftover.test(name) && (await isExecutable(path))) notify(notRun(kind, path));
      continue;
    }
    try {
      const stats = await stat(path);
      if (stats.isDirectory()) continue;
      if (!stats.isFile()) throw new Error("it is no regular file");
      if ((stats.mode & 0o111) === 0) {
        notify(switchedOff(kind, path));
        continue;
      }
      await access(path, constants.X_OK);
      found.push({ name, path });
    } catch (error) {
      notify({
        level: "warning",
        code: `${kind}-not-executable`,
        message: `${kind} ${JSON.stringify(path)} cannot be executed: ${whyNot(error)}`,
      });
    }
  }
  return privileged === undefined || found.length === 0 ? found : secureOf(folder, found, kind, privileged, notify);
}

/** Leaves out, with an error each, those that users other than root and `uid` can change, in place or on the way. */
async function secureOf(
  folder: string,
  found: readonly Executable[],
  kind: ExecutableKind,
  uid: number,
  notify: Notify,
): Promise<Executable[]> {
  const secure: Executable[] = [];
  // A folder on the way may be sticky, that of the executables may not: others could add to it.
  const ofFolder = await strangerWhoCanChange(folder, uid);
  for (const executable of found) {
    const { path } = executable;
    const stranger = ofFolder ?? (await strangerWhoCanChange(path, uid));
    if (stranger === undefined) {
      secure.push(executable);
      continue;
    }
    const message = `${kind} ${JSON.stringify(path)} is not run: ${JSON.stringify(stranger.path)} ${stranger.how}; check what it does, then close that to others with chown or chmod`;
    notify({ level: "error", code: `${kind}-insecure`, message });
  }
  return secure;
}

async function namesIn(folder: string, kind: ExecutableKind, notify: Notify): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (error) {
    const quoted = JSON.stringify(folder);
    if (codeOf(error) === "ENOENT") {
      notify({ level: "info", code: `no-${kind}s`, message: `there are no ${kind}s: ${quoted} does not exist` });
    } else {
      const message = `the ${kind}s in ${quoted} cannot be listed: ${reasonOf(error)}`;
      notify({ level: "error", code: `${kind}s-unreadable`, message });
    }
    return [];
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function notRun(kind: ExecutableKind, path: string): Notice {
  const message = `${kind} ${JSON.stringify(path)} is not run, because of its name: rename it without a dot at its start, "README", ".dpkg-…" or ".rpm…"; or run chmod -x`;
  return { level: "info", code: `${kind}-passed-over`, message };
}

/** Reports one that somebody has switched off: nothing of the backup is wrong. */
function switchedOff(kind: ExecutableKind, path: string): Notice {
  const message = `${kind} ${JSON.stringify(path)} is switched off: its mode has no x; chmod +x switches it on`;
  return { level: "info", code: `${kind}-off`, message };
}

function whyNot(error: unknown): string {
  const code = codeOf(error);
  if (code === "EACCES") return "its mode or its filesystem does not allow it; run chmod +x, or remove it";
  if (code === "ENOENT") return "it is a link to nothing";
  return reasonOf(error);
}
