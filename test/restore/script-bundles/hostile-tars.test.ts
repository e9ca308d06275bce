/** Tars made by an enemy who has the keyfile, or who stored under the script's keys before anything was sealed. */
import { describe, expect, test } from "bun:test";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { useCodecPrograms } from "../../../core/system/processes/codec-programs.ts";
import { attack } from "../../support/attack.ts";
import { isRoot } from "../../support/services.ts";
import { octal, paxRecord, rawMember, tarBlock, tarEnd, tarExtension } from "./raw-tar.ts";
import { after, before, othersAreThere, restored, text } from "./restored-tar.ts";

useCodecPrograms();

const base256 = (hex: string) => Buffer.from(hex, "hex");

type Odd = readonly [name: string, members: (outside: string) => readonly Buffer[], says: string, path: string];

/** Each is left out by name. */
const leftOut: readonly Odd[] = [
  ["a name that leads out", () => [rawMember({ name: "t/../../outside/evil" })], "leads out of the tar", "t/evil"],
  [
    "a name below a link",
    (outside) => [
      rawMember({ name: "t/d", typeflag: "2", linkName: outside }),
      rawMember({ name: "t/d/evil", content: text("x") }),
    ],
    "t/d/evil",
    "t/d/evil",
  ],
  [
    "a further name of what lies outside",
    (outside) => [rawMember({ name: "t/evil", typeflag: "1", linkName: `${outside}/file` })],
    "a further name of what is not there",
    "t/evil",
  ],
  [
    "a further name of itself",
    () => [rawMember({ name: "t/evil", typeflag: "1", linkName: "t/evil" })],
    "a further name of what is not there",
    "t/evil",
  ],
  [
    "a further name of a name that leads out",
    () => [rawMember({ name: "t/evil", typeflag: "1", linkName: "../../etc/passwd" })],
    "leads out of the tar",
    "t/evil",
  ],
  ["an owner below zero", () => [rawMember({ name: "t/evil", uid: base256("ffffffffffffffff") })], "t/evil", "t/evil"],
  [
    "an owner beyond all",
    () => [tarExtension("x", paxRecord("uid", "999999999999999")), rawMember({ name: "t/evil" })],
    "t/evil",
    "t/evil",
  ],
  [
    "an owner that is no number",
    () => [tarExtension("x", paxRecord("uid", "root")), rawMember({ name: "t/evil" })],
    "t/evil",
    "t/evil",
  ],
  [
    "a time that is none",
    () => [tarExtension("x", paxRecord("mtime", "nan")), rawMember({ name: "t/evil", content: text("x") })],
    "t/evil",
    "t/evil",
  ],
  [
    "a time of 400 digits",
    () => [tarExtension("x", paxRecord("mtime", "9".repeat(400))), rawMember({ name: "t/evil" })],
    "t/evil",
    "t/evil",
  ],
  [
    "a time in base 256 that is too large",
    () => [rawMember({ name: "t/evil", modified: base256("800000007fffffffffffffff") })],
    "t/evil",
    "t/evil",
  ],
  ["a mode that is no number", () => [rawMember({ name: "t/evil", mode: "rwxr-xr\0" })], "t/evil", "t/evil"],
  [
    "a device of an impossible number",
    () => [rawMember({ name: "t/evil", typeflag: "3", major: base256("80000000ffffffff") })],
    "t/evil",
    "t/evil",
  ],
  [
    "a zero in its name",
    () => [tarExtension("x", paxRecord("path", "t/evil\0/../../x")), rawMember({})],
    "cannot be restored",
    "t/evil",
  ],
  [
    "a type that nobody knows",
    () => [rawMember({ name: "t/evil", typeflag: "Z", content: text("x") })],
    "of a type that is not known",
    "t/evil",
  ],
  [
    "no name at all",
    () => [tarExtension("x", paxRecord("path", "")), rawMember({ content: text("x") })],
    "cannot be restored",
    "t/evil",
  ],
  [
    "holes in the form of GNU tar 1.0",
    () => [tarExtension("x", paxRecord("GNU.sparse.major", "1")), rawMember({ name: "t/evil", content: text("1\n") })],
    "of a type that is not known",
    "t/evil",
  ],
  [
    "holes in the form of GNU tar 0.1",
    () => [
      tarExtension(
        "x",
        Buffer.concat([paxRecord("GNU.sparse.size", "99999999999999"), paxRecord("GNU.sparse.map", "0,1")]),
      ),
      rawMember({ name: "t/evil", content: text("x") }),
    ],
    "of a type that is not known",
    "t/evil",
  ],
  [
    "holes in the form of old GNU tar, with more of them than its header has room for",
    () => [
      rawMember({ name: "t/evil", typeflag: "S", size: octal(1_024), moreHoles: true }),
      ...[1, 0].map((more) => Buffer.concat([Buffer.alloc(504, 0x30), Buffer.from([more]), Buffer.alloc(7)])),
      Buffer.alloc(1_024, 1),
    ],
    "of a type that is not known",
    "t/evil",
  ],
  ["a link to nothing", () => [rawMember({ name: "t/evil", typeflag: "2" })], "t/evil", "t/evil"],
  [
    "a target of a link of 5,000 bytes",
    () => [tarExtension("K", text("x".repeat(5_000))), rawMember({ name: "t/evil", typeflag: "2" })],
    "t/evil",
    "t/evil",
  ],
  [
    "a name of 300 bytes in one step",
    () => [tarExtension("L", text(`t/${"e".repeat(300)}`)), rawMember({ content: text("x") })],
    "eeee",
    "t/evil",
  ],
];

for (const [variant, members, says, path] of leftOut) {
  attack(
    {
      by: "W",
      what: "a tar under the script's keys has members that lead out of it, or whose headers make no sense",
      before:
        "one odd number made the whole tar unreadable; holes in an older form of GNU tar came back as wrong content",
      now: "each is left out by name, nothing outside of the target is touched, and the others come back",
    },
    async () => {
      await restored(
        (outside) => [before, ...members(outside), after, tarEnd],
        async ({ heard, target }) => {
          expect(heard).toContain(says);
          expect(await lstat(join(target, path)).catch(() => undefined)).toBeUndefined();
          await othersAreThere(target);
        },
      );
    },
    { variant },
  );
}

const kept: readonly (readonly [name: string, members: readonly Buffer[], path: string, content: string])[] = [
  ["an absolute name", [rawMember({ name: "/t/odd", content: text("x") })], "t/odd", "x"],
  [
    "a time right after 1970, as Python writes it",
    [tarExtension("x", paxRecord("mtime", "1e-05")), rawMember({ name: "t/odd", content: text("x") })],
    "t/odd",
    "x",
  ],
  [
    "a time of a large exponent",
    [tarExtension("x", paxRecord("mtime", "1.5e+09")), rawMember({ name: "t/odd", content: text("x") })],
    "t/odd",
    "x",
  ],
  ["a line end in its name", [rawMember({ name: "t/o\ndd", content: text("x") })], "t/o\ndd", "x"],
  [
    "a tar as its content",
    [rawMember({ name: "t/odd", content: Buffer.concat([rawMember({ name: "t/inner" }), tarEnd]) })],
    "t/odd",
    Buffer.concat([rawMember({ name: "t/inner" }), tarEnd]).toString("latin1"),
  ],
  [
    "attributes of the kernel",
    [
      tarExtension(
        "x",
        Buffer.concat([
          paxRecord("SCHILY.xattr.security.capability", "x"),
          paxRecord("SCHILY.xattr.trusted.overlay.opaque", "y"),
        ]),
      ),
      rawMember({ name: "t/odd", content: text("x") }),
    ],
    "t/odd",
    "x",
  ],
  [
    "the name of an earlier file, which is replaced",
    [rawMember({ name: "t/odd", content: text("first") }), rawMember({ name: "t/odd", content: text("second") })],
    "t/odd",
    "second",
  ],
  [
    "the name of an earlier link, which is replaced",
    [
      rawMember({ name: "t/odd", typeflag: "2", linkName: "/etc/passwd" }),
      rawMember({ name: "t/odd", content: text("second") }),
    ],
    "t/odd",
    "second",
  ],
  [
    "the first name of a file, which becomes a link, while its second name stays",
    [
      rawMember({ name: "t/first", content: text("content") }),
      rawMember({ name: "t/odd", typeflag: "1", linkName: "t/first" }),
      rawMember({ name: "t/first", typeflag: "2", linkName: "/etc/passwd" }),
    ],
    "t/odd",
    "content",
  ],
  [
    "the first name of a file, which has other content later, while its second name stays",
    [
      rawMember({ name: "t/first", content: text("content") }),
      rawMember({ name: "t/odd", typeflag: "1", linkName: "t/first" }),
      rawMember({ name: "t/first", content: text("changed") }),
    ],
    "t/odd",
    "content",
  ],
];

describe("a member of a tar comes back as it is if it has", () => {
  test.each(kept)("a member of a tar comes back as it is if it has %s", async (_, members, path, content) => {
    await restored(
      () => [before, ...members, after, tarEnd],
      async ({ heard, target }) => {
        expect(heard).not.toContain("cannot be restored");
        expect(await readFile(join(target, path), "latin1")).toBe(content);
        await othersAreThere(target);
      },
    );
  });
});

test.skipIf(!isRoot)("a further name of a link is a link, and what lies behind it is not touched", async () => {
  await restored(
    (outside) => [
      before,
      rawMember({ name: "t/link", typeflag: "2", linkName: `${outside}/file` }),
      rawMember({ name: "t/more", typeflag: "1", linkName: "t/link" }),
      after,
      tarEnd,
    ],
    async ({ target }) => {
      expect((await lstat(join(target, "t/more"))).isSymbolicLink()).toBe(true);
    },
  );
});

test("what follows the end mark of a tar is not read as more of it", async () => {
  await restored(
    () => [before, after, tarEnd, rawMember({ name: "t/evil", content: text("x") }), Buffer.alloc(tarBlock)],
    async ({ target }) => {
      await othersAreThere(target);
      expect((await readdir(join(target, "t"))).sort()).toEqual(["before", "zafter"]);
    },
  );
});
