/** Some paths of a backup: only what is needed for them is read, and only they change. */
import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { readManifest } from "../../core/manifest/read.ts";
import { exitOf } from "../../restore/restore.ts";
import { Fixture, file, folder } from "./support.ts";

const mode = (path: string) => lstatSync(path).mode & 0o7777;

const items = [
  folder("/"),
  folder("/a", { mode: 0o711 }),
  folder("/a/in", { mode: 0o701 }),
  file("/a/in/x", "ax"),
  file("/a/in/y", "ay"),
  folder("/b", { mode: 0o711 }),
  file("/b/x", "bx"),
  file("/b/y", "by"),
  folder("/c"),
  folder("/c/d", { mode: 0o705 }),
  file("/c/d/x", "cdx"),
  file("/c/e", "ce"),
];

describe("some paths", () => {
  async function restored(paths: string[], there: string[]) {
    const fixture = await Fixture.open();
    const { key } = await fixture.backup(items, { perPart: 4 });
    for (const folder of there) await mkdir(fixture.at(folder), { recursive: true, mode: 0o700 });
    const reads: string[] = [];
    const bucket = {
      get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        reads.push(key.replace(/[^/]*$/, ""));
        return fixture.bucket.get(key, options);
      },
    };
    const manifest = await readManifest(bucket, { key });
    const figures = await fixture.restore({ manifest }, { bucket, paths });
    return { fixture, reads, figures };
  }
  const root = "manifests/test/";
  const part = "manifests/test/parts/";

  test("one file is found by the root and one part, and fetched by one more request", async () => {
    const { fixture, reads, figures } = await restored(["/b/x"], ["/b"]);
    await using _ = fixture;
    expect(reads).toEqual([root, part, "packs/"]);
    expect(figures).toMatchObject({ files: 1, folders: 0 });
    expect(await Bun.$`find . | sort`.cwd(fixture.target).text()).toBe(".\n./b\n./b/x\n");
    expect(mode(fixture.at("/b"))).toBe(0o700);
  });

  test("one folder is restored with all that is in it", async () => {
    const { fixture, reads, figures } = await restored(["/c/d/"], ["/c"]);
    await using _ = fixture;
    expect(reads).toEqual([root, part, "packs/"]);
    expect(figures).toMatchObject({ files: 1, folders: 1 });
    expect(await Bun.$`find . | sort`.cwd(fixture.target).text()).toBe(".\n./c\n./c/d\n./c/d/x\n");
    expect(mode(fixture.at("/c/d"))).toBe(0o705);
  });

  test("missing folders on the way are made as recorded, so that nothing private becomes public", async () => {
    const { fixture, reads } = await restored(["/a/in/y", "/c/e"], []);
    await using _ = fixture;
    expect(reads.filter((read) => read === part)).toHaveLength(3);
    expect(await Bun.$`find . | sort`.cwd(fixture.target).text()).toBe(".\n./a\n./a/in\n./a/in/y\n./c\n./c/e\n");
    expect([mode(fixture.at("/a")), mode(fixture.at("/a/in"))]).toEqual([0o711, 0o701]);
  });

  test("a path that the backup does not have is reported, and the others are restored", async () => {
    const { fixture, figures } = await restored(["/b/x", "/b/z"], []);
    await using _ = fixture;
    expect(fixture.complaints).toEqual([
      'cannot restore "/b/z": the backup has nothing of that path; check its spelling, or try another backup: `sysbackup list` shows them',
    ]);
    expect(exitOf(figures)).toBe(3);
    expect(await fixture.names("/b")).toEqual(["x"]);
  });

  test("snapshots are not asked about", async () => {
    await using fixture = await Fixture.open();
    const snapshots = [await fixture.snapshot("db", "dump", { restore_through: "false" })];
    await fixture.restore(await fixture.backup(items, { snapshots }), { paths: ["/b/x"], snapshots: "ask" });
    expect(await fixture.read("/b/x")).toBe("bx");
  });
});
