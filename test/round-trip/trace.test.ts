/** `--trace`, as users see it. */
import { describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exitStatus } from "../../core/failure.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";
import { eventsOf, nests, type TraceEvent } from "../support/trace-events.ts";
import { MiB, mixedFiles } from "./data.ts";
import { restoredExit } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;

const namesOf = (events: readonly TraceEvent[], cat: string) =>
  new Set(events.filter((event) => event.cat === cat).map(({ name }) => name));

for (const place of places) {
  describe.skipIf(place.absent)(`a trace, in ${place.name},`, () => {
    test(
      "a trace has the steps and requests of archive, restore and verify, in a private file, without paths of files",
      async () => {
        await using dir = await scratch();
        const tree = join(dir.path, "unmistakable");
        await mixedFiles(tree, 8 * MiB, 160);
        const { conf } = await place.configure(dir.path, {
          sections: { content: { pack_size: MiB } },
          pickers: { all: `exec find '${tree}' -print0` },
        });
        const traced = async (exit: number, ...args: string[]) => {
          const path = join(dir.path, `${args[0]}.json`);
          const outcome = await sysbackup([...args, "--conf-dir", conf, "--trace", path]);
          expect([outcome.exit, outcome.stderr]).toEqual([exit, expect.any(String)]);
          expect((await stat(path)).mode & 0o777).toBe(0o600);
          const text = await readFile(path, "utf8");
          expect(text).not.toContain("unmistakable");
          const events = eventsOf(text);
          expect(nests(events)).toBe(true);
          return events;
        };

        const archive = await traced(0, "archive");
        const steps = ["read index", "prove locks", "pick", "quilt", "parts", "locks", "write index", "root"];
        expect([...namesOf(archive, "step")]).toEqual(expect.arrayContaining(steps));
        expect([...namesOf(archive, "request")]).toEqual(expect.arrayContaining(["put", "list"]));
        expect(namesOf(archive, "work")).toContain("compress");
        const keys = archive.filter(({ name }) => name === "put").map(({ args }) => `${args?.key}`);
        for (const folder of ["packs/", "manifests/", "index/"])
          expect(keys.some((key) => key.startsWith(folder))).toBe(true);

        const restore = await traced(restoredExit, "restore", "test", "--target", join(dir.path, "target"));
        expect([...namesOf(restore, "step")]).toEqual(
          expect.arrayContaining(["start", "find the backup", "part", "folders"]),
        );
        expect(namesOf(restore, "work")).toContain("fetch");
        expect(namesOf(restore, "request")).toContain("get");

        const verify = await traced(0, "verify", "--read-data");
        expect([...namesOf(verify, "step")]).toEqual(expect.arrayContaining(["look at objects", "read data"]));
      },
      3 * minutes,
    );
  });
}

test("a trace file that exists is refused before the run begins", async () => {
  await using dir = await scratch();
  const path = join(dir.path, "trace.json");
  await writeFile(path, "precious");
  const { exit, stderr } = await sysbackup(["archive", "--conf-dir", dir.path, "--trace", path]);
  expect(exit).toBe(exitStatus.usage);
  expect(stderr).toContain("name a file that does not exist");
  expect(await readFile(path, "utf8")).toBe("precious");
});

test("a run that fails leaves a whole trace", async () => {
  await using dir = await scratch();
  const path = join(dir.path, "trace.json");
  const { exit } = await sysbackup(["archive", "--conf-dir", dir.path, "--trace", path]);
  expect(exit).toBe(exitStatus.usage);
  const events = eventsOf(await readFile(path, "utf8"));
  expect(events.flatMap(({ ph, name }) => (ph === "X" ? [name] : []))).toEqual(["start"]);
});
