/** The compiled program, as `bun run build` makes it: once for all tests of a run, or else of a file. */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { run } from "./services/command.ts";

const checkout = join(import.meta.dir, "../..");

let compiled: Promise<string> | undefined;

/** Where `test/run.ts` has it. */
export const programVariable = "SYSBACKUP_TEST_PROGRAM";

/** Its path: services may not read every checkout, but this. */
export async function compiledProgram(): Promise<string> {
  const given = process.env[programVariable];
  if (given !== undefined) return given;
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sysbackup-program-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sysbackup");
  await buildProgram(packageJson.scripts.build, file);
  return file;
}

/** Runs a build script as `bun run` does, with another file to write: as a child of Bun. */
export async function buildProgram(script: string, file: string): Promise<void> {
  const build = script.replace(/(?<=--outfile )\S+/, `'${file}'`);
  await run(["sh", "-ec", `cd '${checkout}' && ${build}`]);
}
