/** Reads roots and parts of the chosen backups, and notes down what they need. */
import { isPack } from "../../core/format/encoding.ts";
import type { FileEntry, ObjectRef } from "../../core/format/entry.ts";
import type { Manifest, PartRef } from "../../core/format/manifest.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import type { Found } from "../../core/manifest/find.ts";
import type { Needs } from "../../core/manifest/needs.ts";
import { nameOf } from "../../core/manifest/read.ts";
import type { Extents } from "./extents.ts";
import type { Findings } from "./findings.ts";
import type { Losses } from "./losses.ts";
import { type NumberedPart, readParts } from "./parts.ts";
import { type Root, readRoot, type VerifyBucket } from "./roots.ts";

export type CollectContext = {
  readonly bucket: VerifyBucket;
  readonly needs: Needs;
  readonly findings: Findings;
  readonly losses: Losses;
  /** Of objects that are to be read. */
  readonly extents: Extents;
  /** Whether the content of the object with this key is to be read. */
  readonly choose: (key: string) => boolean;
  readonly now: Date;
  readonly signal: AbortSignal;
};

/** One backup that is verified; `manifest` without its parts and log, which may be large. */
export type Collected = {
  readonly id: number;
  readonly title: string;
  readonly manifest: Pick<Manifest, "header" | "totals"> | undefined;
  /** The row of its root; undefined for a local file. */
  readonly root: number | undefined;
};

export class Collector {
  readonly backups: Collected[] = [];
  /** Each distinct part by its row, and the last path that it holds: undefined for one that is lost. */
  readonly parts = new Map<number, { readonly part: PartRef; readonly last: ByteString | undefined }>();

  constructor(readonly context: CollectContext) {}

  async add(source: Found): Promise<void> {
    const { bucket, needs, now, signal } = this.context;
    signal.throwIfAborted();
    const id = this.backups.length + 1;
    const root = await readRoot(bucket, source);
    const { manifest } = root;
    const object = this.#root(id, root);
    this.backups.push({ id, title: nameOf(source), manifest: manifest && summaryOf(manifest), root: object });
    if (manifest === undefined) return;
    const { retain_until, lock_mode } = manifest.header;
    needs.backup(id, { until: new Date(retain_until), mode: lock_mode }, now);
    for (const snapshot of manifest.snapshots) {
      const { key, version, size, sha256 } = snapshot;
      needs.needed(id, needs.add({ key, version, size, kind: "snapshot", sha256 }));
    }
    await this.#parts(id, manifest, object);
  }

  #root(backup: number, { stored, fault }: Root): number | undefined {
    if (stored === undefined) return undefined;
    const { needs, findings } = this.context;
    const id = needs.add({ ...stored, kind: "root", sha256: "" });
    needs.needed(backup, id);
    if (fault !== undefined) findings.add(id, fault.code, fault.why);
    return id;
  }

  async #parts(backup: number, manifest: Manifest, root: number | undefined): Promise<void> {
    const numbered = manifest.parts.map((part): NumberedPart => ({ id: this.#part(backup, part), part }));
    const unread = new Map(numbered.filter(({ id }) => !this.parts.has(id)).map((one) => [one.id, one]));
    await this.#read(unread.values());
    for (const [index, { id, part }] of numbered.entries()) {
      const why = this.#contradiction(id, part, numbered[index + 1]?.part);
      if (why === undefined) continue;
      if (root !== undefined) this.context.findings.add(root, "manifest-damaged", why);
      this.context.losses.add(id, part.first, part.entries);
    }
  }

  #part(backup: number, { key, version, size, sha256 }: PartRef): number {
    const { needs } = this.context;
    const id = needs.add({ key, version, size, kind: "part", sha256 });
    needs.needed(backup, id);
    return id;
  }

  async #read(parts: Iterable<NumberedPart>): Promise<void> {
    const { bucket, needs, findings, losses, extents, choose, signal } = this.context;
    for await (const { id, part, content } of readParts(bucket, parts, wantingAny(choose))) {
      signal.throwIfAborted();
      if ("how" in content) {
        this.parts.set(id, { part, last: undefined });
        findings.add(id, content.damage ? "part-damaged" : "not-checked", content.how, true);
        losses.add(id, part.first, part.entries);
        continue;
      }
      this.parts.set(id, { part, last: content.last });
      const ids = content.objects.map((object) => needs.add(contentOf(object)));
      needs.uses(id, ids);
      const chosen = content.objects.map(({ key }, number) => (choose(key) ? ids[number] : undefined));
      extents.add(content.files, chosen);
    }
  }

  /** What the root says of a part that is not so, or of which another root says otherwise. */
  #contradiction(id: number, part: PartRef, next: PartRef | undefined): string | undefined {
    const read = this.parts.get(id);
    if (read?.last === undefined) return undefined;
    if (read.part.first !== part.first || read.part.entries !== part.entries)
      return `what it says of ${JSON.stringify(part.key)} is not so`;
    if (next !== undefined && read.last >= next.first) return `parts overlap at ${JSON.stringify(toText(next.first))}`;
    return undefined;
  }
}

/** Files with content in an object that is chosen. The objects are those of a part, and the same for all its files. */
function wantingAny(choose: (key: string) => boolean) {
  let of: readonly ObjectRef[] | undefined;
  let chosen = new Set<number>();
  return ({ extents }: FileEntry, objects: readonly ObjectRef[]): boolean => {
    if (objects !== of) {
      of = objects;
      chosen = new Set([...objects.keys()].filter((number) => choose(objects[number]?.key ?? "")));
    }
    return chosen.size > 0 && extents.some(({ object }) => chosen.has(object));
  };
}

function summaryOf({ header, totals }: Manifest): Pick<Manifest, "header" | "totals"> {
  return { header, totals };
}

/** Packs are named by the hash of their stored bytes; a file's own object by that of the file. */
export function contentOf({ key, version, size, encoding }: ObjectRef) {
  const sha256 = isPack(encoding) ? (/^packs\/([0-9a-f]{64})\./.exec(key)?.[1] ?? "") : "";
  return { key, version, size, kind: encoding, sha256 };
}
