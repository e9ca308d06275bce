import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { AclError, aclFromText, aclMode, aclToText, splitDefault } from "../../../../core/system/metadata/acl.ts";
import { accessAcl, writeXattrOfHandle } from "../../../../core/system/metadata/xattr.ts";
import { groupId, groupName, userId, userName } from "../../../../core/system/owners.ts";
import { held, pathIn, scratchFolder, xattrsOf } from "../scratch.ts";

const people = new Map([
  ["alice", 1000],
  ["bob", 1001],
  ["WORK\\carol smith", 2000],
  ["4711", 3000],
]);
const nameOf = (id: number) => [...people].find(([, number]) => number === id)?.[0];
const idOf = (name: string) => people.get(name);
const names = { userName: nameOf, groupName: nameOf };
const ids = { userId: idOf, groupId: idOf };

const minimal = "user::rw-\ngroup::r--\nother::---";

function roundTrip(text: string): string {
  return aclToText(aclFromText(text, ids), names);
}

describe("text and bytes", () => {
  test("a minimal ACL has the kernel's form", () => {
    const hex = "02000000" + "01000600ffffffff" + "04000400ffffffff" + "20000000ffffffff";
    expect(Buffer.from(aclFromText(minimal, ids)).toString("hex")).toBe(hex);
    expect(aclToText(Buffer.from(hex, "hex"), names)).toBe(minimal);
  });

  const permission = fc.integer({ min: 0, max: 7 });
  const named = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 2 ** 32 - 2 }), permission), {
    selector: ([id]) => id,
    maxLength: 20,
  });

  test("any complete ACL survives both conversions, in any order of its lines", () => {
    const letters = (bits: number) => `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${bits & 1 ? "x" : "-"}`;
    const lines = fc
      .record({ users: named, groups: named, four: fc.tuple(permission, permission, permission, permission) })
      .chain(({ users, groups, four: [user, group, mask, other] }) => {
        const lines = [
          `user::${letters(user)}`,
          ...users.map(([id, bits]) => `user:${nameOf(id) ?? id}:${letters(bits)}`),
          `group::${letters(group)}`,
          ...groups.map(([id, bits]) => `group:${nameOf(id) ?? id}:${letters(bits)}`),
          `mask::${letters(mask)}`,
          `other::${letters(other)}`,
        ];
        return fc.shuffledSubarray(lines, { minLength: lines.length });
      });
    fc.assert(
      fc.property(lines, (lines) => {
        const binary = aclFromText(lines.join("\n"), ids);
        const text = aclToText(binary, names);
        expect(text.split("\n").toSorted()).toEqual(lines.toSorted());
        expect(aclFromText(text, ids)).toEqual(binary);
      }),
    );
  });

  test("no text fails in another way than AclError", () => {
    const line = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom("user", "u", "group", "mask", "other", "default"), fc.string(), fc.string())
        .map((parts) => parts.join(":")),
      fc.constantFrom(...minimal.split("\n")),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          roundTrip(lines.join("\n"));
        } catch (error) {
          expect(error).toBeInstanceOf(AclError);
        }
      }),
    );
  });

  test("no bytes fail in another way than AclError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (binary) => {
        try {
          aclToText(binary, names);
        } catch (error) {
          expect(error).toBeInstanceOf(AclError);
        }
      }),
    );
  });
});

describe("names", () => {
  const full = (line: string) => `user::rw-\n${line}\ngroup::r--\nmask::rwx\nother::---`;

  test("names are used if known, else numbers", () => {
    expect(roundTrip(full("user:1000:r--"))).toBe(full("user:alice:r--"));
    expect(roundTrip(full("user:1234:r--"))).toBe(full("user:1234:r--"));
  });

  test("names with spaces and backslashes survive, escaped as by getfacl", () => {
    expect(roundTrip(full("user:2000:r--"))).toBe(full("user:WORK\\134carol\\040smith:r--"));
    expect(roundTrip(full("user:WORK\\134carol\\040smith:r--"))).toBe(full("user:WORK\\134carol\\040smith:r--"));
  });

  test("names that consist of digits are written as the number, so that they are not read as another", () => {
    expect(roundTrip(full("user:3000:r--"))).toBe(full("user:3000:r--"));
  });
});

describe("forms that people and older programs write are read", () => {
  test.each([
    ["comments and blank lines", `# file: x\n\n${minimal}\n\n`],
    ["what getfacl adds", minimal.replace("group::r--", "group::r--\t\t\t#effective:---")],
    ["short tags", "u::rw-\ng::r--\no::---"],
    ["no empty name", "user::rw-\ngroup::r--\nother:---"],
    ["any order", "other::---\ngroup::r--\nuser::rw-"],
    ["Windows line ends", minimal.replaceAll("\n", "\r\n")],
  ])("forms that people and older programs write are read: %s", (_, text) => {
    expect(roundTrip(text)).toBe(minimal);
  });
});

describe("refused with the entry and a reason", () => {
  test.each([
    ["nothing at all", "", /"user::" is missing/],
    ["a missing entry", "user::rw-\ngroup::r--", /"other::" is missing/],
    ["an entry twice", `${minimal}\nuser::rwx`, /"user:" occurs twice/],
    [
      "one person twice, by name and number",
      `${minimal}\nmask::r--\nuser:alice:r--\nuser:1000:---`,
      /"user:1000" occurs/,
    ],
    ["names without a mask", `${minimal}\nuser:alice:r--`, /no entry "mask::"/],
    ["an unknown name", `${minimal}\nmask::r--\nuser:mallory:r--`, /"user:mallory:r--" names a user that this/],
    ["a number too large", `${minimal}\nmask::r--\nuser:4294967295:r--`, /too large/],
    ["a number far too large", `${minimal}\nmask::r--\nuser:99999999999999999999:r--`, /too large/],
    ["permissions in another order", "user::xwr\ngroup::r--\nother::---", /"user::xwr" is not an ACL entry/],
    ["an unknown tag", `${minimal}\nadmin::rwx`, /"admin::rwx" is not/],
    ["a name for the mask", `${minimal}\nmask:alice:rwx`, /"mask:alice:rwx" is not/],
    ["a default entry", `${minimal}\ndefault:user::rwx`, /"default:user::rwx" is not/],
    [
      "more than an attribute can hold",
      `${minimal}\nmask::---\n${Array.from({ length: 9000 }, (_, i) => `user:${i + 5000}:r--`).join("\n")}`,
      /too long/,
    ],
  ])("refused with the entry and a reason: %s", (_, text, reason) => {
    expect(() => aclFromText(text, ids)).toThrow(reason);
    expect(() => aclFromText(text, ids)).toThrow(AclError);
  });
});

describe("permission bits", () => {
  test("permission bits of a minimal ACL are its three entries", () => {
    expect(aclMode("user::rwx\ngroup::r-x\nother::--x")).toBe(0o751);
  });

  test("permission bits take the mask for the group if there is one", () => {
    expect(aclMode("user::rw-\nuser:alice:rwx\ngroup::r--\nmask::-wx\nother::---")).toBe(0o630);
  });
});

describe("access and default entries together", () => {
  test("access and default entries are split, without their prefixes and comments", () => {
    const text = "# file\nuser::rwx\ngroup::r-x\nother::---\nd:user::rw-\ndefault:group::r-- # all\ndefault:other::---";
    expect(splitDefault(text)).toEqual({
      access: "user::rwx\ngroup::r-x\nother::---",
      default: "user::rw-\ngroup::r--\nother::---",
    });
  });

  test("entries of one kind leave the other kind out", () => {
    expect(splitDefault(minimal)).toEqual({ access: minimal });
    expect(splitDefault("d:user::rw-")).toEqual({ default: "user::rw-" });
    expect(splitDefault("\n# nothing\n")).toEqual({});
  });
});

const folder = scratchFolder();

describe.skipIf(Bun.which("getfacl") === null || !aclsWork())("with the acl tools", () => {
  const known = { userName, groupName };

  test("ACLs that setfacl sets are read as getfacl shows them", () => {
    const path = join(folder, "set");
    writeFileSync(path, "");
    execFileSync("setfacl", ["-m", "u:daemon:rwx,u:54321:r--,g:bin:-wx,m::r-x", path]);
    const shown = execFileSync("getfacl", ["-cpE", path]).toString().trim();
    expect(xattrsOf(pathIn(path)).acl?.access).toBe(shown);
  });

  test("written ACLs show in getfacl, and the mode follows", () => {
    const path = join(folder, "written");
    writeFileSync(path, "");
    chmodSync(path, 0o600);
    const text = "user::rwx\nuser:daemon:r-x\ngroup::r--\ngroup:54321:-w-\nmask::rw-\nother::--x";
    const acl = aclFromText(text, { userId, groupId });
    held(pathIn(path), (handle) => writeXattrOfHandle(handle, accessAcl, acl));
    expect(execFileSync("getfacl", ["-cpE", path]).toString().trim()).toBe(text);
    expect(statSync(path).mode & 0o777).toBe(aclMode(text));
    expect(aclToText(aclFromText(text, { userId, groupId }), known)).toBe(text);
  });
});

function aclsWork(): boolean {
  const path = join(folder, "probe");
  writeFileSync(path, "");
  return Bun.spawnSync(["setfacl", "-m", "u:daemon:r", path]).success;
}
