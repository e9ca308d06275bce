/** One tool's way through one set of data: first backup, again, changed, restore. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Data } from "./data/data.ts";
import { type Measured, measure } from "./measure.ts";
import { newPlace, type Place, requestsSeen, storedIn } from "./places.ts";
import type { Commands, Ground, Phase, Tool } from "./tools/tool.ts";

type Taken = Measured & { readonly requests: number | undefined };

export type Round = {
  readonly phases: { [phase in Phase]?: Taken };
  readonly stored: number;
  readonly storedChanged: number | undefined;
  /** MiB of state and caches. */
  readonly kept: number;
};

/** A file changed moments ago is read again by the next run, as its times cannot tell: the files get older first. */
const settleMs = 3_000;

/** `folder` is emptied before and after. `source` holds the data, and is as it was afterwards. */
export async function runRound(
  tool: Tool,
  placeName: Place["name"],
  { folder, source, data }: { readonly folder: string; readonly source: string; readonly data: Data },
): Promise<Round> {
  const ground = await emptyGround(folder, source);
  const place = await newPlace(placeName, tool.name === "sysbackup");
  const commands = await tool.prepare(ground, place);
  const phases: Round["phases"] = {};
  const take = async (phase: Phase) => {
    const taken = await takePhase(commands, phase, place);
    if (taken !== undefined) phases[phase] = taken;
  };
  await take("first");
  await take("again");
  const stored = await storedIn(place, ground.repository);
  const kept = await storedIn({ name: "directory" }, ground.home);
  let storedChanged: number | undefined;
  if (data.change !== undefined && commands.changed !== undefined) {
    await data.change(source);
    await Bun.sleep(settleMs);
    await take("changed");
    storedChanged = await storedIn(place, ground.repository);
  }
  await take("restore");
  await rm(folder, { recursive: true });
  if (storedChanged !== undefined) await fill(source, data);
  return { phases, stored, storedChanged, kept };
}

/** Makes the data, and waits until it is old enough to be known again. */
export async function fill(source: string, data: Data): Promise<void> {
  await emptied(source);
  await data.make(source);
  await Bun.sleep(settleMs);
}

async function takePhase(commands: Commands, phase: Phase, place: Place): Promise<Taken | undefined> {
  const command = commands[phase];
  if (command === undefined) return undefined;
  const before = await requestsSeen(place);
  const measured = await measure(command, commands.env);
  const after = await requestsSeen(place);
  return { ...measured, requests: before === undefined || after === undefined ? undefined : after - before };
}

export async function emptyGround(folder: string, source: string): Promise<Ground> {
  const ground = {
    source,
    repository: join(folder, "bucket"),
    home: join(folder, "home"),
    target: join(folder, "target"),
  };
  await emptied(folder);
  for (const path of [ground.repository, ground.home, ground.target]) await mkdir(path);
  return ground;
}

async function emptied(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}
