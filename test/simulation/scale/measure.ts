/** Measures what the model of docs/scale.md is made from: archives of generated trees, as users run them, in a directory bucket. */
import { Database } from "bun:sqlite";
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Rig } from "../../core/archive/rig.ts";
import type { Measured } from "./model.ts";

const filesInFolder = 40;

/** The path of a file below the tree: some 70 bytes, as those of a Debian system have on average. */
function pathOf(number: number): string {
  const folder = Math.floor(number / filesInFolder);
  return `usr/share/package-${folder % 97}/component-${folder}/some-file-with-a-name-${number}.txt`;
}

/** Each has its own content. Returns the bytes. */
async function makeTree(rig: Rig, files: number): Promise<void> {
  for (let first = 0; first < files; first += filesInFolder) {
    const names = Array.from({ length: Math.min(filesInFolder, files - first) }, (_, index) => pathOf(first + index));
    await mkdir(join(rig.file(names[0] ?? ""), ".."), { recursive: true });
    await Promise.all(names.map((name, index) => writeFile(rig.file(name), `content of file ${first + index}\n`)));
  }
}

async function sizes(rig: Rig, prefix: string) {
  const listed = (await Array.fromAsync(rig.bucket.list(prefix))).flat();
  return { objects: listed.length, bytes: listed.reduce((sum, { size }) => sum + size, 0) };
}

const mebibyte = 1024 ** 2;

/** Returns the bytes of the state that one more chunk of a large file takes. */
export async function measureChunk(): Promise<number> {
  await using rig = await Rig.make();
  await rig.write("small", "small");
  await rig.run();
  const before = stateOf(rig);
  await rig.write("large", crypto.getRandomValues(Buffer.alloc(mebibyte / 16)));
  for (let more = 1; more < 96 * 16; more++)
    await appendFile(rig.file("large"), crypto.getRandomValues(Buffer.alloc(mebibyte / 16)));
  await rig.run();
  const after = stateOf(rig);
  return Math.round((after.state - before.state) / (after.chunks - before.chunks));
}

/** Returns the bytes of the state that a chunk takes which another host has stored. */
export async function measureClaim(): Promise<number> {
  await using rig = await Rig.make();
  const files = 5_000;
  await makeTree(rig, files);
  await rig.run();
  await rm(rig.file("usr"), { recursive: true });
  await rig.write("other", "other");
  const content = { shareWith: ["host"] };
  await rig.run({ name: "other", content });
  const { state, chunks } = stateOf(rig, "other");
  if (chunks !== files + 1) throw new Error(`${chunks} chunks instead of ${files + 1}`);
  await rig.run({ name: "alone" });
  return Math.round((state - stateOf(rig, "alone").state) / files);
}

export async function measure(files: number): Promise<Measured> {
  await using rig = await Rig.make();
  await makeTree(rig, files);
  const { summary } = await rig.run();
  const [parts, index] = [await sizes(rig, "manifests/host/parts/"), await sizes(rig, "index/host/")];
  const roots = (await sizes(rig, "manifests/host/")).bytes - parts.bytes;
  const state = stateOf(rig);
  for (let number = 0; number < files; number += 100) await writeFile(rig.file(pathOf(number)), `changed ${number}\n`);
  const second = await rig.run();
  if (summary.files !== files || second.summary.changed !== Math.ceil(files / 100))
    throw new Error("not what was to be measured");
  const [partsAgain, indexAgain] = [await sizes(rig, "manifests/host/parts/"), await sizes(rig, "index/host/")];
  return {
    files,
    ...state,
    parts: parts.objects,
    partBytes: parts.bytes,
    rootBytes: roots,
    indexBytes: index.bytes,
    again: {
      parts: partsAgain.objects - parts.objects,
      partBytes: partsAgain.bytes - parts.bytes,
      indexBytes: indexAgain.bytes - index.bytes,
    },
  };
}

function stateOf(rig: Rig, name = "host"): { readonly state: number; readonly chunks: number } {
  using database = new Database(rig.statePath(name), { readonly: true });
  const one = (sql: string) => database.query<{ n: number }, []>(sql).get()?.n ?? 0;
  const pages = one("SELECT page_count AS n FROM pragma_page_count");
  return {
    state: pages * one("SELECT page_size AS n FROM pragma_page_size"),
    chunks: one("SELECT count(*) AS n FROM chunks"),
  };
}
