/** The order in which metadata is set, seen by what is asked of the thing that it is set on. */
import { describe, expect, test } from "bun:test";
import { openSync, writeFileSync } from "node:fs";
import type { FileEntry } from "../../../core/format/entries/entry.ts";
import type { ByteString } from "../../../core/format/path.ts";
import { close } from "../../../core/system/files/files.ts";
import { Metadata } from "../../../restore/entries/metadata.ts";
import { OpenSubject, type Subject } from "../../../restore/entries/subject.ts";
import { Report } from "../../../restore/report/report.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { file } from "../support.ts";

const capability = "security.capability" as ByteString;

function entryOf(mode: number): FileEntry {
  const acl = { access: "user::rw-\ngroup::r--\nother::r--" };
  const xattrs = new Map([
    [capability, Buffer.from("0100000200200000000000000000000000000000", "hex")],
    ["user.note" as ByteString, Buffer.from("x")],
  ]);
  const { head } = file("/su", "", { mode, acl, xattrs });
  if (head.type !== "file") throw new Error("a file was expected");
  return { ...head, extents: [] };
}

/** Applies metadata to a file that only notes what is asked of it. */
async function applied(entry: FileEntry) {
  await using place = await scratch();
  const path = `${place.path}/file`;
  writeFileSync(path, "");
  const fd = openSync(path, "r+");
  const plain = new OpenSubject(fd);
  const calls: string[] = [];
  const noted: Subject = {
    fd,
    setOwner: () => calls.push("owner"),
    setMode: (mode) => calls.push(`mode ${mode.toString(8)}`),
    setTimes: () => calls.push("times"),
    readAttributes: () => plain.readAttributes(),
    writeAttribute: (name) => calls.push(name),
    removeAttribute: (name) => calls.push(`no ${name}`),
  };
  const notices: string[] = [];
  const report = new Report(({ message }) => notices.push(message));
  new Metadata(report, true).apply(noted, entry);
  report.end();
  close(fd);
  return { calls, notices };
}

describe("metadata", () => {
  test("metadata of a setuid file with capabilities is set in order: what gives rights comes after all that says who may write", async () => {
    const { calls } = await applied(entryOf(0o4755));
    expect(calls).toEqual([
      "owner",
      "system.posix_acl_access",
      "user.note",
      "mode 755",
      "mode 4755",
      "security.capability",
      "times",
    ]);
  });

  test("metadata of a file whose owner is not the one that was set lacks setuid and capabilities", async () => {
    const entry = { ...entryOf(0o4755), owner: { user: undefined, group: undefined, uid: 12_345, gid: 12_345 } };
    const { calls, notices } = await applied(entry);
    expect(calls).toContain("mode 755");
    expect(calls).not.toContain("mode 4755");
    expect(calls).not.toContain("security.capability");
    expect(notices).toEqual([
      'cannot set the setuid and setgid bits of "/su": the owner could not be set; run as root',
      'cannot set extended attributes of "/su": the owner could not be set; run as root, on a filesystem that has them, and room for those of each file',
    ]);
  });
});

describe("owners by name", () => {
  const { head } = file("/x", "");
  const ids = (user: string | undefined, group: string | undefined, numeric = false) => {
    const notices: string[] = [];
    const metadata = new Metadata(new Report(({ message }) => notices.push(message)), numeric);
    const owner = { user, group, uid: 4_000_000, gid: 4_000_001 };
    return { ids: [1, 2].map(() => metadata.idsOf({ ...head, owner }))[0], notices };
  };

  test("a name with another number on this machine is reported once, with --numeric-owner as the way to keep the numbers", () => {
    const tail =
      "if this is not the system that will use the files, such as a rescue system, run again with --numeric-owner";
    expect(ids("root", "root")).toEqual({
      ids: { uid: 0, gid: 0 },
      notices: [`owners are set by name: the user "root" is 0 on this machine, and was 4000000 in the backup; ${tail}`],
    });
    expect(ids(undefined, "root").notices).toEqual([
      `owners are set by name: the group "root" is 0 on this machine, and was 4000001 in the backup; ${tail}`,
    ]);
  });

  test("names that this machine does not know, and --numeric-owner, are not reported", () => {
    const numbers = { uid: 4_000_000, gid: 4_000_001 };
    expect(ids("no-such-user-here", "no-such-group-here")).toEqual({ ids: numbers, notices: [] });
    expect(ids("root", "root", true)).toMatchObject({ ids: numbers, notices: [] });
  });
});
