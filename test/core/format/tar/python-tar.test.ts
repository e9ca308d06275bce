/** Headers of Python's tarfile, compared with those that Python writes for the same members. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type PythonMember, pythonHead } from "../../../../core/format/tar/python-tar.ts";
import { has } from "../../../support/services.ts";

const script = `
import base64, json, sys, tarfile
for member in json.load(sys.stdin):
    info = tarfile.TarInfo(member["name"].rstrip("/"))
    info.type = member["typeflag"].encode()
    info.mode, info.uid, info.gid, info.size = member["mode"], member["uid"], member["gid"], member["size"]
    info.mtime = member["modified"]["seconds"] + 1e-9 * member["modified"]["nanoseconds"]
    info.uname, info.gname, info.linkname = member["user"], member["group"], member["linkName"]
    if "device" in member:
        info.devmajor, info.devminor = member["device"]["major"], member["device"]["minor"]
    print(base64.b64encode(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")).decode())
`;

const odd = fc.array(fc.constantFrom("z", "é", "€", "😀"), { minLength: 1, maxLength: 60 }).map((all) => all.join(""));
const word = fc.oneof(fc.stringMatching(/^[a-zA-Z0-9 ._-]{1,120}$/), odd);
const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((steps) => steps.join("/"));
const number = fc.oneof(fc.nat({ max: 70_000 }), fc.constantFrom(2_097_151, 2_097_152, 4_294_967_294));
const size = fc.oneof(fc.nat(), fc.constantFrom(8 ** 11 - 1, 8 ** 11, 2 ** 43));
const modified = fc.record({
  seconds: fc.oneof(fc.integer({ min: 0, max: 4_000_000_000 }), fc.constantFrom(0, -1, -1_000_000, 8 ** 11)),
  nanoseconds: fc.oneof(fc.nat({ max: 999_999_999 }), fc.constantFrom(0, 500_000_000, 1)),
});
const common = { mode: fc.nat({ max: 0o7777 }), uid: number, gid: number, user: word, group: word, modified };

const members: fc.Arbitrary<PythonMember> = fc.oneof(
  fc.record({
    ...common,
    name,
    typeflag: fc.constant("0" as const),
    size,
    linkName: fc.constant(""),
    device: fc.constant(undefined),
  }),
  fc.record({
    ...common,
    name: name.map((one) => `${one}/`),
    typeflag: fc.constant("5" as const),
    size: fc.constant(0),
    linkName: fc.constant(""),
    device: fc.constant(undefined),
  }),
  fc.record({
    ...common,
    name,
    typeflag: fc.constantFrom("1" as const, "2" as const),
    size: fc.constant(0),
    linkName: name,
    device: fc.constant(undefined),
  }),
  fc.record({
    ...common,
    name,
    typeflag: fc.constantFrom("3" as const, "4" as const),
    size: fc.constant(0),
    linkName: fc.constant(""),
    device: fc.record({ major: fc.nat({ max: 4_095 }), minor: fc.nat({ max: 1_048_575 }) }),
  }),
);

test.skipIf(!has("python3"))("headers are those of Python's tarfile, byte for byte", async () => {
  const all = fc.sample(members, 500);
  const child = Bun.spawn(["python3", "-c", script], { stdin: new Blob([JSON.stringify(all)]), stdout: "pipe" });
  const lines = (await child.stdout.text()).trim().split("\n");
  expect(lines).toHaveLength(all.length);
  for (const [number, member] of all.entries())
    expect([member, pythonHead(member).toString("base64")]).toEqual([member, lines[number] ?? ""]);
});
