/** Tables of contents that lie about the tar beside them, in a root that names them rightly. */
import { expect, test } from "bun:test";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { keys } from "../../../../core/format/keys/keys.ts";
import { type BundleRef, encodeManifest, type Manifest } from "../../../../core/format/manifest/manifest.ts";
import { sha256 } from "../../../../core/format/sha256.ts";
import { exitOf } from "../../../../restore/restore.ts";
import { everything, verified } from "../../../restore/verify/plant.ts";
import { attack } from "../../../support/attack.ts";
import { day, Rig } from "../rig.ts";
import { bundle, restored, section, theBundle } from "./support.ts";

const object = z.looseObject({ object: z.number(), key: z.string(), version: z.string(), size: z.number() });
const extent = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.string()]);
const file = z.looseObject({ typ: z.literal("f"), path: z.string(), size: z.number(), dat: z.array(extent) });
type Line = Readonly<Record<string, unknown>>;

async function twoBundles() {
  const rig = await Rig.make();
  await rig.write("cold/one/x", "of the first");
  await rig.write("cold/one/y", "another one");
  await rig.write("cold/two/z", "of the second");
  const { backup } = await bundle(rig, [section(rig.file("cold"), { depth: 1 })]);
  const { manifest } = backup;
  const [one, two] = [theBundle(manifest, rig.file("cold/one")), theBundle(manifest, rig.file("cold/two"))];
  return { rig, manifest, one, two, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}
type Honest = Awaited<ReturnType<typeof twoBundles>>;

async function linesOf(rig: Rig, { table }: BundleRef): Promise<Line[]> {
  const [{ key = "", version = "" } = {}] = table;
  const text = Bun.zstdDecompressSync(
    Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version }))),
  ).toString();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
}

/** Puts a table in place of the one that the bundle has. */
async function withTable({ rig, one }: Honest, lines: readonly Line[]): Promise<BundleRef> {
  const body = Bun.zstdCompressSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const digest = sha256(body);
  const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
  const { key, version, size } = await rig.bucket.put(keys.bundleTable("host", "forged", digest), body, { retention });
  return { ...one, table: one.table.map((part) => ({ ...part, key, version, size, sha256: digest })) };
}

type Change = (line: Line) => Line;
/** Changes the line of the first file. */
const first =
  (change: (line: z.output<typeof file>) => Line) =>
  (lines: Line[]): Line[] => {
    const at = lines.findIndex((line) => file.safeParse(line).success);
    return lines.map((line, number) => (number === at ? change(file.parse(line)) : line));
  };
const moved = (change: (dat: z.output<typeof extent>) => z.output<typeof extent>) =>
  first((line) => ({ ...line, dat: line.dat.map(change) }));
const everyObject =
  (change: Change) =>
  (lines: Line[]): Line[] =>
    lines.map((line) => (object.safeParse(line).success ? change(line) : line));

type Lie = (lines: Line[], honest: Honest) => Line[];

const lies: Readonly<Record<string, Lie>> = {
  "content far behind the end of the tar": moved(([o, f, l, , n, d]) => [o, f, l, 10 ** 12, n, d]),
  "content before the beginning of the tar": moved(([o, f, l, , n, d]) => [o, f, l, -512, n, d]),
  "the content of another file of the tar": (lines) => {
    const [, other] = lines.flatMap((line) => file.safeParse(line).data ?? []);
    return moved(([o, f, l, , n, d]) => [o, f, l, other?.dat[0]?.[3] ?? 0, n, d])(lines);
  },
  "a digest that is another": moved(([o, f, l, at, n]) => [o, f, l, at, n, "0".repeat(64)]),
  "a file of a petabyte": first((line) => ({ ...line, size: 2 ** 50 })),
  "content of a petabyte": first((line) => ({
    ...line,
    size: 2 ** 50,
    dat: line.dat.map(([o, f, l, at, , d]) => [o, f, l, at, 2 ** 50, d]),
  })),
  "a frame that is longer than the object": moved(([o, f, , at, n, d]) => [o, f, 10 ** 12, at, n, d]),
  "an object that is not there": moved(([, f, l, at, n, d]) => [7, f, l, at, n, d]),
  "the tar of another bundle": (lines, { two }) =>
    everyObject((line) => ({ ...line, key: two.key, version: two.version, size: two.size }))(lines),
  "a tar that is not there": everyObject((line) => ({ ...line, version: "gone" })),
  "a tar that is larger than it is": everyObject((line) => ({ ...line, size: 10 ** 12 })),
  "another way to compress it": everyObject((line) => ({ ...line, encoding: "xz" })),
  "a key that leads elsewhere": everyObject((line) => ({ ...line, key: "../../../etc/passwd" })),
  "two entries on one path": (lines) => lines.flatMap((line) => (file.safeParse(line).success ? [line, line] : [line])),
  "entries in reverse order": (lines) => [
    ...lines.filter((line) => line.path === undefined),
    ...lines.filter((line) => line.path !== undefined).reverse(),
  ],
  "the path of another file of the machine": first((line) => ({ ...line, path: "/etc/evil" })),
  "a path that leads out": first((line) => ({ ...line, path: `${line.path}/../../../../evil` })),
  "a file below a file": (lines) =>
    lines.flatMap((line) => {
      const found = file.safeParse(line).data;
      return found === undefined ? [line] : [line, { ...line, path: `${found.path}/evil` }];
    }),
  "no line but its first": (lines) => lines.slice(0, 1),
  "lines that are no entries": (lines) => [...lines, { typ: "?" }, { x: 1 }],
};

function rooted({ manifest, one }: Honest, ref: BundleRef): Manifest {
  return { ...manifest, bundles: manifest.bundles.map((bundle) => (bundle === one ? ref : bundle)) };
}

/** The other bundle is whole, no file of the first has other content than it had, and nothing else is there. */
async function nothingElse(target: string, rig: Rig): Promise<void> {
  const cold = join(target, rig.file("cold"));
  expect(await readFile(join(cold, "two/z"), "utf8")).toBe("of the second");
  const honest: Readonly<Record<string, string>> = { x: "of the first", y: "another one" };
  for (const name of await readdir(join(cold, "one")).catch(() => [])) {
    expect(await readFile(join(cold, "one", name), "utf8")).toBe(honest[name] ?? "nothing else");
  }
  for (const path of ["etc", "evil"]) expect(await stat(join(target, path)).catch(() => undefined)).toBeUndefined();
}

for (const [variant, lie] of Object.entries(lies)) {
  attack(
    {
      by: "W",
      what: "a table of contents that lies about the tar beside it",
      before: "bundles were attacked by their tars only",
      now: "it is named as damaged, no file comes back with other content, and the other bundles come back",
    },
    async () => {
      await using honest = await twoBundles();
      const { rig, one } = honest;
      const forged = rooted(honest, await withTable(honest, lie(await linesOf(rig, one), honest)));
      const { figures, target, heard } = await restored(rig, forged);
      expect(exitOf(figures)).not.toBe(0);
      expect(heard.join("\n")).not.toBe("");
      await nothingElse(target, rig);
      const evil = { ...forged, header: { ...forged.header, name: "evil", run: "0000000f" } };
      const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
      const key = keys.manifest("evil", { start: new Date(evil.header.started), run: "0000000f" });
      await rig.bucket.put(key, Bun.zstdCompressSync(encodeManifest(evil)), { retention });
      expect((await verified({ bucket: rig.bucket, now: rig.now, name: "evil", read: everything })).state).toBe(
        "damaged",
      );
    },
    { variant },
  );
}

test("a table that says the truth, put by hand, comes back", async () => {
  await using honest = await twoBundles();
  const { rig, one } = honest;
  const { figures, heard, target } = await restored(
    rig,
    rooted(honest, await withTable(honest, await linesOf(rig, one))),
  );
  expect(heard).toEqual([]);
  expect(exitOf(figures)).toBe(0);
  expect(await readFile(join(target, rig.file("cold/one/x")), "utf8")).toBe("of the first");
});

test("a table that has other entries than its root says is named as damaged, and the other bundle comes back", async () => {
  await using honest = await twoBundles();
  const { rig, one } = honest;
  const table = one.table.map((part) => ({ ...part, entries: 10 ** 12, bytes: 2 ** 52 }));
  const { target, figures, heard } = await restored(rig, rooted(honest, { ...one, table, files: 10 ** 12 }));
  expect(exitOf(figures)).toBe(4);
  expect(heard.join("\n")).toContain("it has 3 entries");
  await nothingElse(target, rig);
});

const missing: Readonly<Record<string, (one: BundleRef) => string>> = {
  "a table of contents without its tar": ({ key }) => key,
  "a tar without its table of contents": ({ table }) => table[0]?.key ?? "",
};
for (const [name, keyOf] of Object.entries(missing)) {
  test(`${name} is named as damaged, and the other bundle comes back`, async () => {
    await using honest = await twoBundles();
    const { rig, one, manifest } = honest;
    await rm(join(rig.path, "bucket", keyOf(one)), { recursive: true });
    const { figures, heard, target } = await restored(rig, manifest);
    expect(exitOf(figures)).toBe(4);
    expect(heard.join("\n")).toContain(keyOf(one));
    await nothingElse(target, rig);
    expect((await verified({ bucket: rig.bucket, now: rig.now, name: "host", read: everything })).state).toBe(
      "damaged",
    );
  });
}
