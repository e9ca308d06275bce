/** Configurations written for tests. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfigSources, loadConfig } from "../../../core/config/config.ts";
import { Failure } from "../../../core/failure.ts";

/** Call once in a test file: its folders are removed after its tests. */
export function confFiles() {
  const scratch = mkdtempSync(join(tmpdir(), "sysbackup-config-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  let folders = 0;

  async function confDirWith(conf: string | Uint8Array): Promise<string> {
    const folder = join(scratch, String(folders++));
    await mkdir(folder);
    await writeFile(join(folder, "conf"), conf);
    return folder;
  }

  async function load(conf: string, more: Partial<ConfigSources> = {}) {
    return loadConfig({ confDir: await confDirWith(conf), hostName: "host", ...more });
  }

  return { scratch, confDirWith, load };
}

/** Returns the Failure that the loading ends with. */
export async function refusal(loading: Promise<unknown>): Promise<Failure> {
  const error = await loading.then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof Failure) return error;
  throw error;
}
