/** Checks that pickers and snapshotters can run, and that only root and the service can change them. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Executable, type ExecutableKind, findExecutables } from "../../archive/executables/find.ts";
import type { Notice } from "../../notice.ts";
import { readFirstBytesOfFile } from "../../system/files/first-bytes.ts";
import { which } from "../../system/processes/programs.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look, note, warning } from "../finding.ts";
import { ownerTrouble } from "../owner-trouble.ts";
import type { Runner } from "../runner.ts";

type NeededOfMachine = "confDir" | "runner";

export const pickers: Check<NeededOfMachine> = {
  name: "pickers",
  onlyForArchive: true,
  async look({ confDir, runner }) {
    const looks = await lookInto(join(confDir, "pickers.d"), "picker", await runner());
    if (looks.some(({ state }) => state !== "note")) return looks;
    const others = await findExecutables(join(confDir, "snapshots.d"), "snapshotter", () => undefined);
    if (others.length > 0) return [...looks, note("none: only snapshotters run")];
    const remedy = `put one into ${JSON.stringify(join(confDir, "pickers.d"))}: docs/pickers.md shows how`;
    return [...looks, bad("none, and no snapshotter: there is nothing to archive", remedy)];
  },
};

export const snapshotters: Check<NeededOfMachine> = {
  name: "snapshotters",
  onlyForArchive: true,
  async look({ confDir, runner }) {
    const looks = await lookInto(join(confDir, "snapshots.d"), "snapshotter", await runner());
    return looks.length > 0 ? looks : [good("none")];
  },
};

/** Looks at the executables of a folder. Empty, but for notes, if there are none. */
async function lookInto(folder: string, kind: ExecutableKind, runner: Runner): Promise<Look[]> {
  const notices: Notice[] = [];
  const found = await findExecutables(folder, kind, (notice) => notices.push(notice));
  const looks = notices.map((notice) => fromNotice(notice, kind));
  const open =
    found.length > 0 || notices.some(({ level }) => level !== "info") ? await ownerTrouble(folder, runner) : [];
  looks.push(...open);
  for (const executable of found) {
    // What lies in an open folder is as open.
    if (open.length === 0) looks.push(...(await ownerTrouble(executable.path, runner)));
    looks.push(...(await runTrouble(executable, runner)));
  }
  const areSound = found.length > 0 && looks.every(({ state }) => state === "note");
  return areSound ? [...looks, good(found.map(({ name }) => name).join(", "))] : looks;
}

function fromNotice({ level, message }: Notice, kind: ExecutableKind): Look {
  const remedy = `see docs/${kind}s.md`;
  const [text = message, advice = remedy] = message.split("; ");
  if (level === "info") return note(text, advice);
  return level === "error" ? bad(text, advice) : warning(text, advice);
}

async function runTrouble({ path }: Executable, runner: Runner): Promise<Look[]> {
  const quoted = JSON.stringify(path);
  if ((await runner.may?.("run", path)) === false) {
    return [
      bad(`${quoted} cannot be executed by ${runner.name}`, `chmod a+rx ${quoted}, and check the folders above it`),
    ];
  }
  const missing = await missingInterpreter(path);
  if (missing === undefined) return [];
  const what = missing.endsWith("\r") ? "write the file with Unix line ends" : "install it, or correct the first line";
  return [bad(`${quoted} needs ${JSON.stringify(missing)}, which is not installed`, what)];
}

const longestFirstLine = 256;

/** The program that the first line names, also as `env`'s argument, if the machine does not have it. Without such a line, a shell runs it. */
async function missingInterpreter(path: string): Promise<string | undefined> {
  const [, interpreter, argument] = /^#![ \t]*([^\s]+\r?)(?:[ \t]+([^\s-]+\r?))?/.exec(await beginningOf(path)) ?? [];
  if (interpreter === undefined) return undefined;
  if (!(await stat(interpreter).catch(() => undefined))?.isFile()) return interpreter;
  if (!interpreter.endsWith("/env") || argument === undefined || which(argument) !== undefined) return undefined;
  return argument;
}

async function beginningOf(path: string): Promise<string> {
  const bytes = await readFirstBytesOfFile(path, longestFirstLine).catch(() => undefined);
  return bytes?.toString("latin1") ?? "";
}
