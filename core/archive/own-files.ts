/** Finds the state, the bucket and the signing key of a run, which are not kept if they are picked. */
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { pathOfFileUrl } from "../file-url.ts";
import { fromText } from "../format/path.ts";
import { lstat } from "../system/filesystem/stat.ts";
import { OwnFiles } from "./quilting/paths/own-files.ts";
import { isStateFile } from "./state/folder.ts";

const state = "the state of this program";

/** Call when the state database is open: SQLite makes files beside it. */
export async function findOwnFiles({ backup, signingKeyFile }: Config, bucketUrl: string): Promise<OwnFiles> {
  const { stateDir } = backup;
  const own = new OwnFiles();
  const bucket = pathOfFileUrl(bucketUrl);
  if (bucket !== undefined) await add(own, bucket, "the bucket itself");
  // Anyone who can read an unsealed backup could sign with it.
  if (signingKeyFile !== undefined) await add(own, signingKeyFile, "the key that signs backups");
  const names = await readdir(stateDir).catch(() => []);
  for (const name of names) if (isStateFile(name)) await add(own, join(stateDir, name), state);
  // A folder for other things, too, is kept without the state.
  if (names.every(isStateFile)) await add(own, stateDir, state);
  return own;
}

async function add(own: OwnFiles, path: string, what: string): Promise<void> {
  try {
    own.add(lstat(fromText(await realpath(path))), what);
  } catch {
    // It is gone: nobody picks it.
  }
}
