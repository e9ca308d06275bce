/** A killed restore of a large file goes on inside the file, if nobody else can have written to it. */
import { describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { largeFileName } from "../../../restore/target/temporary.ts";
import { attack } from "../../support/attack.ts";
import { accomplice, mayAct, openFixture } from "../neighbour.ts";
import { type Backup, Fixture, file, folder, isRoot, noise } from "../support.ts";

const MiB = 1024 * 1024;
/** More than the 16 MiB from which a file is a large one. */
const chunks = Array.from({ length: 20 }, () => noise(MiB));
const content = Buffer.concat(chunks);
const items = [folder("/"), folder("/d"), file("/d/large", chunks), file("/d/small", "small")];

const targets = [
  ["a new target", () => {}],
  ["a target that was there", (path: string) => mkdirSync(join(path, "d"), { recursive: true })],
] as const;

/** Restores until some of the large file is written, and kills the restore. Returns the path of the unfinished file. */
async function killedWithin(fixture: Fixture, backup: Backup): Promise<string> {
  const program = [process.execPath, join(import.meta.dir, "../killed.ts")];
  const killed = Bun.spawn([...program, fixture.bucketPath, backup.key, fixture.target, "10"]);
  await killed.exited;
  expect(killed.signalCode).toBe("SIGKILL");
  const names = readdirSync(fixture.target, { recursive: true, encoding: "utf8" });
  const [left, ...others] = names.filter((name) => name.endsWith("-large"));
  expect(others).toEqual([]);
  return fixture.at(left ?? "none");
}

async function whole(fixture: Fixture): Promise<void> {
  expect(readFileSync(fixture.at("/d/large")).equals(content)).toBe(true);
  expect((await fixture.names("/d")).toSorted()).toEqual(["large", "small"]);
  expect(await fixture.names()).toEqual(["d"]);
  expect(fixture.complaints).toEqual([]);
}

// Without root, nothing says who has made a folder for staging.
describe.skipIf(!isRoot)("a restore that is killed within a large file", () => {
  test.each(targets)("a restore that is killed within a large file goes on inside it: %s", async (_, prepare) => {
    await using fixture = await Fixture.open();
    prepare(fixture.target);
    const backup = await fixture.backup(items, { perFrame: 1 });
    await killedWithin(fixture, backup);
    const figures = await fixture.restore(backup);
    expect(figures.files).toBe(2);
    expect(figures.bytes).toBeLessThan(13 * MiB);
    await whole(fixture);
  });

  test.each(targets)("what was changed in an unfinished large file is fetched again: %s", async (_, prepare) => {
    await using fixture = await Fixture.open();
    prepare(fixture.target);
    const backup = await fixture.backup(items, { perFrame: 1 });
    const left = await killedWithin(fixture, backup);
    writeFileSync(
      left,
      readFileSync(left).map((byte) => byte ^ 1),
    );
    expect(await fixture.restore(backup)).toMatchObject({ files: 2, bytes: content.length + "small".length });
    await whole(fixture);
  });

  test.each([
    ["other rights", (path: string) => chmodSync(path, 0o666)],
    ["another name", (path: string, outside: string) => linkSync(path, outside)],
  ])("an unfinished large file with %s is not gone on with", async (_, change) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perFrame: 1 });
    const left = await killedWithin(fixture, backup);
    const outside = join(fixture.scratch.path, "outside-name");
    change(left, outside);
    expect(await fixture.restore(backup)).toMatchObject({ files: 2, bytes: content.length + "small".length });
    await whole(fixture);
  });

  test("an unfinished large file that another backup has no use for is removed", async () => {
    await using fixture = await Fixture.open();
    await killedWithin(fixture, await fixture.backup(items, { perFrame: 1 }));
    const other = [folder("/"), folder("/d"), file("/d/small", "small")];
    const backup = await fixture.backup(other, { start: new Date("2026-11-22T02:00:03Z") });
    expect(await fixture.restore(backup)).toMatchObject({ errors: 0 });
    expect(await fixture.names("/d")).toEqual(["small"]);
    expect(await fixture.names()).toEqual(["d"]);
  });
});

const script = `
import os, sys
folder = os.path.join(sys.argv[1], ".sysbackup-" + "0" * 32)
os.mkdir(folder)
os.chmod(folder, 0o1700)
path = os.path.join(folder, sys.argv[2])
held = open(path, "w+b")
held.write(open(sys.argv[3], "rb").read())
held.flush()
os.chmod(path, 0o600)
print("ready")
input()
held.seek(0)
held.write(b"evil")
held.flush()
print(os.path.exists(path))
`;

describe("a forged unfinished file", () => {
  attack(
    {
      by: "U",
      what: "a user puts a folder like that of a killed restore into a target that others can write to, with an unfinished large file of the right content that stays open",
      before: "no unfinished file was gone on with",
      now: "the restore does not go on inside that file, which changes nothing that is restored",
    },
    async () => {
      await using fixture = await openFixture();
      mkdirSync(fixture.target);
      chmodSync(fixture.target, 0o1777);
      const backup = await fixture.backup(items, { perFrame: 1 });
      const source = join(fixture.scratch.path, "source");
      writeFileSync(source, content, { mode: 0o644 });
      const { head } = items[2] ?? folder("/");
      if (head.type !== "file") throw new Error("a file was expected");
      const extents = chunks.map((chunk) => ({
        length: chunk.length,
        sha256: new Bun.SHA256().update(chunk).digest("hex"),
      }));
      const name = largeFileName({ ...head, extents });
      await using user = await accomplice(script, fixture.target, name, source);
      expect(await fixture.restore(backup)).toMatchObject({ files: 2, bytes: content.length + "small".length });
      expect(await user.goOn()).toBe("True\n");
      expect(readFileSync(fixture.at("/d/large")).equals(content)).toBe(true);
    },
    { skip: !mayAct },
  );
});
