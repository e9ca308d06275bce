/** Backups that are not as they were stored: each costs what needs it and no more, and comes back with its bytes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DeleteObjectCommand, ListObjectVersionsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { exitStatus } from "../../core/failure.ts";
import { places } from "../round-trip/places.ts";
import { ceph, clientConfig } from "../support/services.ts";
import { expectReported, Machine, type Reported } from "./machine.ts";
import { messages } from "./messages.ts";
import { flipped, hide, largestKey, read, replace, sealed, smallestKey, textOf } from "./stored.ts";

const { damaged, failed } = exitStatus;

const conf = {
  // Its words make a line in the log of the manifest.
  pickers: { talkative: "echo 'all is well' >&2" },
  snapshotters: { db: "echo '::restore-through:: cat > /dev/null'; echo dump >&$1" },
};

async function backedUp(layout: "packs" | "objects" = "packs"): Promise<Machine> {
  const machine = await Machine.open({ ...conf, sections: { content: { layout } } });
  expect(await machine.run("archive")).toMatchObject({ exit: 0 });
  return machine;
}

function restoring(machine: Machine): string[] {
  return ["restore", "test", "--target", machine.path("target"), "--snapshots", "run", "--yes"];
}

/** Restores the bytes, and checks that this backup and the next one are complete. */
async function repaired(machine: Machine): Promise<void> {
  await machine.restoresWhole();
  expect(await machine.run("verify")).toMatchObject({ exit: 0 });
  expect(await machine.run("archive")).toMatchObject({ exit: 0 });
  await machine.restoresWhole();
}

describe("the root of a manifest", () => {
  const line = (kind: RegExp, from: string | RegExp, to: string) => (text: string) =>
    text.replace(kind, (found) => found.replace(from, to));
  const changes: readonly (readonly [name: string, change: (stored: Buffer) => Uint8Array])[] = [
    ["cut short", (stored) => stored.subarray(0, stored.length - 20)],
    ["empty", () => Buffer.alloc(0)],
    ["with a flipped bit", flipped],
    ["that is no zstd", () => Buffer.from("hello\n")],
    ...Object.entries({
      "an altered header": line(/^.*\n/, '"name":"test"', '"name":"best"'),
      "an altered part line": line(/^\{"part".*$/m, /"entries":\d+/, '"entries":1'),
      "an altered snapshot line": line(/^\{"snapshot".*$/m, "cat > /dev/null", "rm -r /srv"),
      "an altered log line": line(/^\{"notice".*$/m, "all is well", "all is lost"),
      "altered totals": line(/^\{"totals".*$/m, /"files":\d+/, '"files":9'),
      "an altered footer": line(/^\{"footer".*$/m, /[0-9a-f]"/, 'g"'),
      "a line too few": (text: string) => text.replace(/^\{"part".*\n/m, ""),
      "no footer": (text: string) => text.replace(/\{"footer".*\n$/, ""),
    }).map(
      ([name, change]) =>
        [`with ${name}`, (stored: Buffer) => Bun.zstdCompressSync(different(textOf(stored), change))] as const,
    ),
  ];

  function different(text: string, change: (text: string) => string): string {
    const changed = change(text);
    if (changed === text) throw new Error("nothing was changed");
    return changed;
  }

  describe("a damaged root is refused by every subcommand that reads it:", () => {
    let machine: Machine;
    let stored: Buffer;
    let key: string;

    beforeAll(async () => {
      machine = await backedUp();
      key = await machine.newest();
      stored = await read(machine, key);
    });
    afterAll(() => machine[Symbol.asyncDispose]());

    test.each(changes)("a damaged root is refused by every subcommand that reads it: %s", async (_, change) => {
      await replace(machine, key, change(stored));
      const reported: Reported = { exit: damaged, message: messages.alteredRoot };
      await machine.refuses(restoring(machine), reported);
      const verified = await machine.run("verify");
      expect(verified).toMatchObject({ exit: damaged, stderr: "" });
      expect(verified.stdout).toMatch(/^damaged: .*\n(?:.*\n)*.*: it is truncated or altered: /);
      const listed = await machine.run("list");
      expectReported(listed, reported);
      expect(listed.stdout).toContain("damaged");
    });

    test("a root works again once its bytes are restored", async () => {
      await replace(machine, key, stored);
      await repaired(machine);
    });
  });

  test("a root of a newer format asks for a newer program", async () => {
    await using machine = await backedUp();
    const key = await machine.newest();
    const stored = await read(machine, key);
    await replace(machine, key, sealed(textOf(stored).replace(/"version":\d/, '"version":9')));
    await machine.refuses(restoring(machine), { exit: failed, message: messages.newer });
    const verified = await machine.run("verify");
    expect(verified).toMatchObject({ exit: exitStatus.incomplete, stderr: "" });
    expect(verified.stdout).toMatch(/^not verified: .*, use a newer sysbackup\n/);
    expect(verified.stdout).not.toContain("renew");
    expectReported(await machine.run("list"), { exit: exitStatus.incomplete, message: messages.newer });
    await replace(machine, key, stored);
    await repaired(machine);
  });

  test("the root of a manifest that is damaged does not keep the one before from being restored", async () => {
    await using machine = await backedUp();
    const whole = await machine.newest();
    await machine.nextSecond();
    expect(await machine.run("archive")).toMatchObject({ exit: 0 });
    const key = await machine.newest();
    await replace(machine, key, flipped(await read(machine, key)));
    await machine.restoresWhole(machine.path("target"), whole);
  });
});

describe("a part of a newer format", () => {
  test("a part of a newer format asks for a newer program", async () => {
    await using machine = await backedUp();
    const [root, part] = [await machine.newest(), await largestKey(machine, "manifests/test/parts")];
    const [text, stored] = [textOf(await read(machine, root)), await read(machine, part)];
    const newer = Bun.zstdCompressSync(textOf(stored).replace('"version":1', '"version":2'));
    const sha256 = new Bun.CryptoHasher("sha256").update(newer).digest("hex");
    const line = (found: string) =>
      found.replace(/"size":\d+/, `"size":${newer.length}`).replace(/"sha256":"\w+"/, `"sha256":"${sha256}"`);
    await replace(machine, root, sealed(text.replace(/^\{"part".*$/m, line)));
    await replace(machine, part, newer);
    await machine.refuses(restoring(machine), { exit: failed, message: messages.newer });
    await replace(machine, root, sealed(text));
    await replace(machine, part, stored);
    await repaired(machine);
  });
});

describe("an object", () => {
  type Case = {
    readonly folder: string;
    readonly layout?: "objects";
    /** Which object of the folder, if not the largest. */
    readonly of?: "a dump";
    readonly restore: Omit<Reported, "exit">;
  };
  const keyOf = (machine: Machine, { folder, of }: Case) =>
    (of === undefined ? largestKey : smallestKey)(machine, folder);
  const bytes: readonly (readonly [name: string, change: (stored: Buffer) => Buffer, cases: readonly Case[]])[] = [
    [
      "with a flipped bit",
      flipped,
      [
        { folder: "packs", restore: { message: messages.wrongContent } },
        { folder: "manifests/test/parts", restore: { message: messages.lostPart } },
        { folder: "snapshots/test", layout: "objects", restore: { message: messages.lostSnapshot } },
      ],
    ],
    [
      "that is shorter",
      (stored) => stored.subarray(0, stored.length >> 1),
      [
        { folder: "packs", restore: { message: messages.damagedObject, lines: 2 } },
        { folder: "manifests/test/parts", restore: { message: messages.lostPart } },
        { folder: "snapshots/test", layout: "objects", restore: { message: messages.lostSnapshot } },
      ],
    ],
  ];
  for (const [name, change, cases] of bytes) {
    test.each(cases)(`${name} in $folder loses what needs it`, async (one) => {
      const { layout, restore } = one;
      await using machine = await backedUp(layout);
      const key = await keyOf(machine, one);
      const stored = await read(machine, key);
      await replace(machine, key, change(stored));
      await machine.refuses(restoring(machine), { exit: damaged, ...restore });
      await replace(machine, key, stored);
      await machine.restoresWhole();
    });
  }

  test("an object with a flipped bit is stored again under another name that shares with nobody", async () => {
    await using machine = await backedUp();
    const key = await largestKey(machine, "packs");
    await replace(machine, key, flipped(await read(machine, key)));
    const alone = { backup: { name: "again" }, content: { share_with: "again" } };
    const pickers = { tree: `exec find '${machine.tree}' -print0` };
    await machine.configure({ ...conf, pickers, sections: alone });
    expect(await machine.run("archive")).toMatchObject({ exit: 0 });
    await machine.restoresWhole(machine.path("target"), "again");
  });

  const missing: readonly Case[] = [
    { folder: "packs", restore: { message: messages.missingObject, lines: 2 } },
    { folder: "manifests/test/parts", restore: { message: messages.lostPart } },
    { folder: "snapshots/test", layout: "objects", restore: { message: messages.lostSnapshot } },
    { folder: "packs", of: "a dump", restore: { message: messages.lostSnapshot } },
    { folder: "manifests/test/parts", of: "a dump", restore: { message: messages.lostSnapshot } },
  ];
  test.each(missing)("a missing object in $folder is named by verify and restore", async (one) => {
    const { layout, restore } = one;
    await using machine = await backedUp(layout);
    const key = await keyOf(machine, one);
    const bringBack = await hide(machine, key);
    await machine.refuses(restoring(machine), { exit: damaged, ...restore });
    const verified = await machine.run("verify");
    expect(verified.exit).toBe(damaged);
    expect(verified.stdout + verified.stderr).toContain(key);
    await bringBack();
    await repaired(machine);
  });
});

describe.skipIf(ceph === undefined)("on Ceph", () => {
  const place = places.find(({ name }) => name === "Ceph");

  /** The gateway's own hand: it may lift locks. */
  async function withClient<T>(use: (client: S3Client) => Promise<T>): Promise<T> {
    if (ceph === undefined) throw new Error("the Ceph gateway is not running");
    const client = new S3Client(clientConfig(ceph));
    try {
      return await use(client);
    } finally {
      client.destroy();
    }
  }

  async function bucketOf(machine: Machine): Promise<string> {
    const text = await Bun.file(join(machine.conf, "conf")).text();
    return /^bucket = (?:s3:\/\/)?(.*)$/m.exec(text)?.[1] ?? "";
  }

  test("a root that somebody overwrote is read in its older version, and reported", async () => {
    await using machine = await Machine.open({}, place);
    await machine.archive();
    const [Bucket, Key] = [await bucketOf(machine), await machine.newest()];
    await withClient((client) => client.send(new PutObjectCommand({ Bucket, Key, Body: "hello\n" })));
    const restored = await machine.run("restore", "test", "--target", machine.path("target"));
    expectReported(restored, { exit: exitStatus.done, message: messages.overlaid });
    await machine.restoresWhole();
  });

  test("a pack that is gone is named, with each file that needs it", async () => {
    await using machine = await Machine.open({}, place);
    await machine.archive();
    const Bucket = await bucketOf(machine);
    await withClient(async (client) => {
      const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: "packs/" }));
      for (const { Key, VersionId } of Versions)
        await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true }));
      expect(Versions).toHaveLength(1);
    });
    const words = ["restore", "test", "--target", machine.path("target")];
    await machine.refuses(words, { exit: damaged, message: messages.missingObject, lines: 2 });
    expect(await machine.run("verify")).toMatchObject({ exit: damaged });
  });
});
