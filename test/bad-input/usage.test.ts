/** Command lines and configurations that are wrong: refused before anything is done, exit status 2. */
import { describe, expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sysbackup } from "../support/program.ts";
import { expectClean, expectReported, Machine } from "./machine.ts";
import { messages } from "./messages.ts";

const commands = [["archive"], ["list"], ["verify"], ["restore", "test"]];

describe("a command line", () => {
  const cases: readonly (readonly [name: string, words: readonly string[], message: string])[] = [
    ["an unknown subcommand", ["restroe", "test"], messages.unknownSubcommand],
    ["an unknown option", ["restore", "test", "--tagret", "/mnt"], messages.unknownOption],
    ["an option of another subcommand", ["archive", "--target", "/mnt"], messages.foreignOption],
    ["a path, and no manifest before it", ["restore", "/etc/fstab"], messages.pathFirst],
    ["an empty target", ["restore", "test", "--target", ""], messages.emptyValue],
    ["two ways to the bucket", ["list", "--bucket", "backups", "--export", "backups"], messages.twoBuckets],
    ["an unknown way with snapshots", ["restore", "test", "--snapshots", "fetsh"], messages.badSnapshots],
    ["a bucket that is none", ["list", "--bucket", "ftp://host/x"], messages.badBucketOption],
  ];
  for (const [name, words, message] of cases) {
    test(`a command line with ${name} is refused`, async () => {
      await using machine = await Machine.open();
      await machine.refuses(words, { exit: 2, message });
    });
  }
});

describe("a configuration", () => {
  const cases: readonly (readonly [name: string, text: string | Uint8Array, message: string])[] = [
    ["with an unknown section", "[contents]\nlayout = packs\n", messages.unknownSection],
    ["with an unknown key", "[content]\ndays_retaind = 30\n", messages.unknownKey],
    ["with a key of another section", "[content]\nregion = eu-central-1\n", messages.misplacedKey],
    ["with a word for a number", "[content]\ndays_retained = ten\n", messages.badValue],
    ["with a number out of range", "[content]\ndays_retained = 0\n", messages.badValue],
    ["with a size out of range", "[content]\npack_size = 1K\n", messages.badValue],
    ["with a value before any section", "bucket = example\n", messages.noSection],
    ["with a line that is no setting", "[s3]\nexample\n", messages.noSetting],
    ["without a bucket", "[backup]\nname = test\n", messages.noBucketSet],
    ["that is binary", Buffer.from([0x5b, 0xff, 0xfe, 0x5d]), messages.binaryConf],
  ];
  for (const [name, text, message] of cases) {
    test(name, async () => {
      await using machine = await Machine.open();
      await writeFile(join(machine.conf, "conf"), text);
      await machine.refuses(["archive"], { exit: 2, message });
    });
  }

  test("a missing conf is reported by every subcommand", async () => {
    await using machine = await Machine.open();
    await rm(join(machine.conf, "conf"));
    for (const words of commands) {
      const message = words[0] === "archive" ? messages.noConf : messages.nowhere;
      await machine.refuses(words, { exit: 2, message });
    }
  });

  test("a folder as conf is reported", async () => {
    await using machine = await Machine.open();
    await rm(join(machine.conf, "conf"));
    await mkdir(join(machine.conf, "conf"));
    await machine.refuses(["archive"], { exit: 2, message: messages.unreadableConf });
  });

  test("a fixed conf works at once", async () => {
    await using machine = await Machine.open({ sections: { content: { days_retaind: 3 } } });
    await machine.refuses(["archive"], { exit: 2, message: messages.unknownKey });
    await machine.configure({ pickers: { tree: `find '${machine.tree}'` } });
    await machine.isWell();
  });

  const secrets = [
    ["in an endpoint", "[s3]\nbucket = example\nendpoint = https://user:hunter2@s3.example.org\n"],
    ["before any section", "aws_secret_access_key = hunter2\n"],
    ["under a key that is not known", "[aws]\naws_secret_access_key = hunter2\n"],
    ["on a line of its own", "[aws]\nhunter2\n"],
  ] as const;
  test.each(secrets)("an error in a conf with a secret %s does not show it", async (_, text) => {
    await using machine = await Machine.open();
    await writeFile(join(machine.conf, "conf"), text);
    for (const words of [["list"], ["list", "--json"]]) {
      const { exit, stdout, stderr } = await machine.run(...words);
      expect(exit).toBe(2);
      expect(stdout + stderr).not.toContain("hunter2");
      expectClean(stderr);
    }
  });
});

describe("a backup", () => {
  const cases: readonly (readonly [name: string, words: readonly string[], exit: number, message: string])[] = [
    ["of another name", ["restore", "tset"], 1, messages.unknownName],
    ["of a time before the first", ["restore", "test@2020-01-01"], 1, messages.tooEarly],
    ["of an invalid time", ["restore", "test@yesterday"], 2, messages.badTime],
    [
      "by a key that does not exist",
      ["verify", "manifests/test/20200101T000000Z-00000000.jsonl.zst"],
      4,
      messages.noManifest,
    ],
    ["by a relative path in it", ["restore", "test", "etc/fstab"], 2, messages.relativePath],
    ["by a path that is not in it", ["restore", "test", "/no/such/path"], 3, messages.notInBackup],
  ];
  test("a backup or path that does not exist is reported", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    for (const [name, words, exit, message] of cases) {
      const target = words[0] === "restore" ? ["--target", machine.path("target")] : [];
      expectReported(await machine.run(...words, ...target), { exit, message });
      const json = await machine.run(...words, ...target, "--json");
      expect([name, json.exit, JSON.parse(json.stdout)]).toEqual([name, exit, expect.any(Object)]);
    }
    await machine.restoresWhole();
  });

  test("a restore over the running system needs an answer", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    const words = ["restore", "test", machine.path("tree", "folder"), "--snapshots", "skip"];
    expectReported(await machine.run(...words), { exit: 2, message: messages.overSystem });
    await rm(machine.path("tree", "folder", "small"));
    expect(await machine.run(...words, "--yes")).toMatchObject({ exit: 0 });
    await machine.isWell();
  });

  test("a backup in an empty bucket is reported", async () => {
    await using machine = await Machine.open();
    for (const words of [["restore", "test"], ["verify"]]) {
      await machine.refuses(words, { exit: 1, message: messages.emptyBucket });
    }
    await machine.isWell();
  });
});

test("no message needs a configuration that is not asked for", async () => {
  const { exit, stderr } = await sysbackup(["restroe"]);
  expectReported({ exit, stdout: "", stderr }, { exit: 2, message: messages.unknownSubcommand });
});
