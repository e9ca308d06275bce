/**
 * Writes docs/samples again: `bun test/core/format/write-samples.ts`. Needed when the format changes; names and
 * digests change with the version of zstd, so docs/format.md is to be brought in line by hand afterwards.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rawFrame } from "../../../core/format/codecs/frame.ts";
import type { Common, Entry, Extent, FileEntry, ObjectRef } from "../../../core/format/entries/entry.ts";
import { encodeIndex, type IndexedFrame } from "../../../core/format/index/index-object.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { encodeManifest, type WholeSnapshot } from "../../../core/format/manifest/manifest.ts";
import { encodePart } from "../../../core/format/manifest/part.ts";
import { encodeContents, type PackedFrame } from "../../../core/format/packs/pack.ts";
import { type ByteString, fromBytes, fromText } from "../../../core/format/path.ts";
import { encodeEntry } from "./entry-text.ts";

const bucket = join(import.meta.dir, "../../../docs/samples");
const name = "web-1";
const id = { start: new Date("2026-11-21T02:00:03Z"), run: "9f86d081" };
const locked = "2026-12-28T02:00:03.000Z";
const hex = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const latin1 = (text: string) => fromBytes(Buffer.from(text, "latin1"));

function store(key: string, bytes: Uint8Array): { key: string; version: string; size: number } {
  const file = join(bucket, key);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return { key, version: `3sL4kqtJlcpXroDTDmJ+rmSpXd3dIb${hex(Buffer.from(key)).slice(0, 2)}`, size: bytes.length };
}

const contents = {
  motd: Buffer.from("Welcome to web-1.\nEverything here is backed up at night.\n"),
  services: Buffer.from("ssh 22/tcp\nsmtp 25/tcp\nhttp 80/tcp\nhttps 443/tcp\n".repeat(4)),
  ping: Buffer.from("\x7fELF, as it were: the program ping\n"),
  disk: [Buffer.from("the first sector\n"), Buffer.from("what lies behind the hole\n")],
  mail: Buffer.from("Subject: one letter in two folders\n"),
  cafe: Buffer.from("café in Latin-1: its name, not its content\n"),
};

/** One compressed frame of all small chunks, and one raw frame. */
function pack() {
  const framed = [
    { chunks: [contents.motd, contents.ping, contents.mail, contents.cafe], compress: Bun.zstdCompressSync },
    { chunks: contents.disk, compress: rawFrame },
  ];
  const extents = new Map<Uint8Array, Extent>();
  const contentsOfPack: PackedFrame[] = [];
  const indexed: IndexedFrame[] = [];
  const frames: Uint8Array[] = [];
  let frameOffset = 0;
  for (const { chunks, compress } of framed) {
    const frame = compress(Buffer.concat(chunks));
    let offset = 0;
    for (const chunk of chunks) {
      const sha256 = hex(chunk);
      extents.set(chunk, { object: 0, frameOffset, frameLength: frame.length, offset, length: chunk.length, sha256 });
      offset += chunk.length;
    }
    const ids = chunks.map((chunk) => ({ id: Buffer.from(hex(chunk), "hex"), length: chunk.length }));
    contentsOfPack.push({ length: frame.length, chunks: ids });
    indexed.push([0, frameOffset, frame.length, chunks.map((chunk) => [hex(chunk), chunk.length])]);
    frames.push(frame);
    frameOffset += frame.length;
  }
  const bytes = Buffer.concat([...frames, encodeContents(contentsOfPack)]);
  const ref: ObjectRef = { ...store(keys.pack(hex(bytes)), bytes), encoding: "frames" };
  return { ref, extents, indexed };
}

function content(bytes: Uint8Array) {
  const stored = store(keys.content(hex(bytes)), Bun.gzipSync(Buffer.from(bytes)));
  const ref: ObjectRef = { ...stored, encoding: "gzip" };
  const frameLength = ref.size;
  return {
    ref,
    extent: { object: 1, frameOffset: 0, frameLength, offset: 0, length: bytes.length, sha256: hex(bytes) },
  };
}

function snapshot(): WholeSnapshot {
  const dump = Buffer.from("CREATE TABLE visit(at INTEGER);\nINSERT INTO visit VALUES(1795226403);\n");
  const bytes = Bun.zstdCompressSync(dump);
  return {
    snapshotter: "sqlite-app",
    ...store(keys.snapshot(name, id.start, "sqlite-app", ".zst"), bytes),
    sha256: hex(bytes),
    encoding: "zstd",
    dump_size: dump.length,
    dump_sha256: hex(dump),
    restore_through: "sqlite3 /var/lib/app.db",
    description: "the app's database",
    exit: 0,
  };
}

function entries(extents: ReadonlyMap<Uint8Array, Extent>, services: Extent): Entry[] {
  const root = { user: "root", group: "root", uid: 0, gid: 0 };
  const ann = { user: "ann", group: "ann", uid: 1000, gid: 1000 };
  const common = (path: ByteString, mode: number): Common => ({
    path,
    owner: root,
    mode,
    modified: { seconds: 1795226403, nanoseconds: 123_456_789 },
    acl: undefined,
    xattrs: new Map(),
  });
  const file = (path: ByteString, mode: number, ...chunks: Uint8Array[]): FileEntry => {
    const own = chunks.map((chunk) => extents.get(chunk)).filter((extent) => extent !== undefined);
    const size = own.reduce((sum, extent) => sum + extent.length, 0);
    return { type: "file", ...common(path, mode), size, extents: own, holes: [], hardLink: undefined, warnings: [] };
  };
  const mail = fromText("/var/mail/ann/1");
  const holed = file(fromText("/var/lib/disk.img"), 0o600, ...contents.disk);
  const list: Entry[] = [
    { type: "folder", ...common(fromText("/etc"), 0o755) },
    file(fromText("/etc/motd"), 0o644, contents.motd),
    { type: "link", ...common(fromText("/etc/mtab"), 0o777), target: fromText("../proc/self/mounts") },
    {
      ...file(fromText("/etc/services"), 0o644),
      size: services.length,
      extents: [services],
      warnings: ["unlocked-copy"],
    },
    {
      ...file(latin1("/home/ann/caf\xe9"), 0o640, contents.cafe),
      owner: ann,
      modified: { seconds: -2, nanoseconds: 500_000_000 },
    },
    {
      ...file(fromText("/home/ann/empty"), 0o600),
      owner: ann,
      xattrs: new Map([
        [fromText("user.comment"), Buffer.from("nothing in it")],
        [latin1("user.\xff"), Buffer.of(0, 255)],
      ]),
    },
    { type: "link", ...common(fromText("/home/ann/to-café"), 0o777), owner: ann, target: latin1("caf\xe9") },
    {
      type: "block device",
      ...common(fromText("/srv/chroot/dev/loop0"), 0o660),
      owner: { ...root, group: "disk", gid: 6 },
      major: 7,
      minor: 0,
    },
    { type: "character device", ...common(fromText("/srv/chroot/dev/null"), 0o666), major: 1, minor: 3 },
    { type: "fifo", ...common(fromText("/srv/queue"), 0o622) },
    {
      type: "folder",
      ...common(fromText("/srv/shared"), 0o2770),
      acl: {
        access: "user::rwx\nuser:ann:rwx\ngroup::r-x\nmask::rwx\nother::---",
        default: "user::rwx\nuser:ann:rwx\ngroup::r-x\nmask::rwx\nother::---",
      },
    },
    { type: "folder", ...common(fromText("/tmp"), 0o1777) },
    {
      ...file(fromText("/usr/bin/ping"), 0o755, contents.ping),
      xattrs: new Map([
        [fromText("security.capability"), Buffer.from("0100000200200000000000000000000000000000", "hex")],
      ]),
    },
    {
      ...file(fromText("/usr/bin/su"), 0o4755, contents.ping),
      owner: { user: undefined, group: undefined, uid: 4711, gid: 4711 },
    },
    { ...holed, size: holed.size + 1_048_576, holes: [[17, 1_048_576]] },
    { ...file(mail, 0o660, contents.mail), hardLink: mail },
    { ...file(fromText("/var/mail/ann/sent"), 0o660, contents.mail), hardLink: mail },
  ];
  return list.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function write() {
  rmSync(bucket, { recursive: true, force: true });
  const packed = pack();
  const services = content(contents.services);
  const list = entries(packed.extents, services.extent);
  const part = Bun.zstdCompressSync(encodePart([packed.ref, services.ref], list.map(encodeEntry)));
  const index = encodeIndex(name, id.run, [
    { object: { ...packed.ref, retain_until: locked } },
    ...packed.indexed.map((frame) => ({ frame })),
    { object: { ...services.ref, retain_until: locked } },
    { frame: [1, 0, services.ref.size, [[hex(contents.services), contents.services.length]]] },
    { extended: { key: keys.pack("0".repeat(64)), version: "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrz", retain_until: locked } },
  ]);
  store(keys.index(name, id), Bun.zstdCompressSync([...index].join("")));
  const bytes = list.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0);
  const partRef = { ...store(keys.part(name, hex(part)), part), sha256: hex(part), entries: list.length, bytes };
  const root = encodeManifest({
    header: {
      name,
      host: "web-1.example.org",
      run: id.run,
      started: id.start.toISOString(),
      clock_skew: 0.4,
      tool: "sysbackup 0.1.0",
      config: hex(Buffer.from("[s3]\nbucket = backups\n")),
      retain_until: "2026-12-21T02:00:03.000Z",
      lock_mode: "COMPLIANCE",
      layout: "packs",
      sealing: null,
    },
    parts: [{ ...partRef, first: fromText("/etc") }],
    snapshots: [snapshot()],
    bundles: [],
    log: [
      {
        level: "warning",
        code: "unlocked-copy",
        message: 'read "/etc/services" without a lock: another program held one for 60 s',
        at: "2026-11-21T02:01:04.007Z",
      },
    ],
    totals: {
      entries: list.length,
      files: list.filter((entry) => entry.type === "file").length,
      bytes,
      parts: 1,
      snapshots: 1,
      warnings: 1,
      errors: 0,
      finished: "2026-11-21T02:01:09.912Z",
    },
  });
  store(keys.manifest(name, id), Bun.zstdCompressSync(root));
}

write();
