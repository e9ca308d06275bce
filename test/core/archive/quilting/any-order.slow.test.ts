/** Whatever order pickers print paths in, a run sees all that has changed since the last one. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import type { Entry } from "../../../../core/format/entries/entry.ts";
import type { Backup } from "../backup.ts";
import { Rig } from "../rig.ts";
import { script } from "../scripts.ts";

/** Some sort between a folder and what lies in it. */
const folders = ["", "a", "a/b", "a/b/c", "a-b", "z"] as const;
const names = ["f", "a", "a.x", "ü", "link"] as const;
const places = folders.flatMap((folder) => names.map((name) => join(folder, name)));

const place = fc.constantFrom(...places);
const change = fc.record({
  kind: fc.constantFrom("write", "remove", "move", "link", "link", "mode", "symlink", "replace"),
  at: place,
  to: place,
});
type Change = { readonly kind: string; readonly at: string; readonly to: string };

/** Does what it can of a change: not each is possible. */
function apply(rig: Rig, { kind, at, to }: Change, salt: number): void {
  const [path, other] = [rig.file(at), rig.file(to)];
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (kind === "write") writeFileSync(path, `${salt % 3} of ${at}`);
    if (kind === "remove") rmSync(path, { recursive: true, force: true });
    if (kind === "move") renameSync(path, other);
    if (kind === "link" && path !== other && lstatSync(path).isFile()) {
      rmSync(other, { recursive: true, force: true });
      linkSync(path, other);
    }
    if (kind === "mode") chmodSync(path, 0o700 + (salt % 8));
    if (kind === "symlink") symlinkSync("f", path);
    if (kind === "replace") {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      writeFileSync(join(path, "f"), `${salt}`);
    }
  } catch (error) {
    // Another kind of file is there, or nothing.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

function everything(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return lstatSync(path).isDirectory() ? [path, ...everything(path)] : [path];
  });
}

async function shown(rig: Rig, backup: Backup) {
  const entries = [...backup.entries].filter(([path]) => path.startsWith(rig.file()));
  const show = async ([path, entry]: [string, Entry]) => {
    if (entry.type !== "file") return [path, entry];
    return [path, { ...entry, extents: undefined }, (await backup.read(path)).toString()];
  };
  return Promise.all(entries.map(show));
}

describe("pickers in any order", () => {
  test("pickers that print in any order, and some paths twice, make the same backup as a run without a last one", async () => {
    const order = fc.array(fc.nat(), { minLength: 1, maxLength: 20 });
    // Each so-many-th path is not picked in a run.
    const left = fc.integer({ min: 2, max: 9 });
    const run = fc.record({ changes: fc.array(change, { maxLength: 8 }), order, left });
    await fc.assert(
      fc.asyncProperty(fc.array(run, { minLength: 2, maxLength: 4 }), async (runs) => {
        await using rig = await Rig.make();
        for (const [number, at] of places.entries()) apply(rig, { kind: "write", at, to: at }, number);
        for (const [number, { changes, order, left }] of runs.entries()) {
          for (const [salt, one] of changes.entries()) apply(rig, one, salt + number);
          const paths = everything(rig.file()).filter((_, at) => at % left !== 0);
          const printed = [...paths, ...paths.slice(0, 5)]
            .map((path, at) => ({ path, key: ((order[at % order.length] ?? 0) * (at + 7)) % 101 }))
            .sort((a, b) => a.key - b.key)
            .map(({ path }) => `${path}\0`);
          await Bun.write(join(rig.path, "printed"), printed.join(""));
          await script(join(rig.path, "pickers.d"), "all", `cat '${rig.path}/printed'`);
          const again = await rig.run();
          const alone = await rig.run({ name: `alone-${number}` });
          expect(await shown(rig, again.backup)).toEqual(await shown(rig, alone.backup));
          expect([again.heard, alone.heard]).toEqual([[], []]);
          const { files, others, bytes, entries } = alone.summary;
          expect(again.summary).toMatchObject({ files, others, bytes, entries });
        }
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  test("pickers that print nothing that changed leave nothing to be gone through, in whatever order", async () => {
    await using rig = await Rig.make();
    for (let number = 0; number < 300; number += 1) await rig.write(`d${number % 7}/f${number}`, `${number}`);
    await rig.run();
    for (const order of ["sort", "sort -r", "shuf"]) {
      await script(join(rig.path, "pickers.d"), "all", `find '${rig.file()}' | ${order}`);
      const { summary, counts } = await rig.run();
      expect(summary).toMatchObject({ files: 300, unchanged: 300, new: 0, changed: 0, bytesRead: 0 });
      expect(counts.list).toBe(1);
    }
  });
});
