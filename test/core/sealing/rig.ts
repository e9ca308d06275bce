/** A machine whose backups are sealed, and one that holds the identity. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ArchiveSummary, archive } from "../../../core/archive/archive.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import type { Keyed } from "../../../core/format/codecs/keyed.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { readOriginal } from "../../../core/manifest/original.ts";
import type { Notice } from "../../../core/notice.ts";
import { generateKeys } from "../../../core/sealing/keygen.ts";
import { restore } from "../../../restore/restore.ts";
import { Rig, type RunOptions } from "../archive/rig.ts";
import { notebook } from "../archive/scripts.ts";

const signal = new AbortController().signal;

/** For identities without a passphrase. */
export const tools = { notify: () => {}, askPassphrase: () => Promise.reject(new Error("asked")) };

export class SealedRig implements AsyncDisposable {
  private constructor(
    readonly rig: Rig,
    readonly recipient: string,
    readonly identityFile: string,
    readonly keyed: Keyed,
  ) {}

  static async make(): Promise<SealedRig> {
    const rig = await Rig.make();
    const { identity, recipient, secret } = await generateKeys((length) =>
      crypto.getRandomValues(new Uint8Array(length)),
    );
    const { keyedBy } = await import("../../../core/format/codecs/keyed.ts");
    const identityFile = join(rig.path, "identity");
    await writeFile(identityFile, `# created by a test\n${identity}\n`, { mode: 0o600 });
    return new SealedRig(rig, recipient, identityFile, keyedBy(Buffer.from(secret), [recipient]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }

  /** `keyed`: null for a backup that is not sealed. */
  async archive(
    bucket: Bucket = this.rig.bucket,
    keyed: Keyed | null = this.keyed,
    { job: more, ...options }: RunOptions = {},
  ): Promise<{ summary: ArchiveSummary; heard: string[] }> {
    const { heard, notify } = notebook();
    const job = { ...(keyed === null ? {} : { filters: ["age"], keyed }), ...more };
    const summary = await archive(this.rig.job(notify, bucket, { ...options, job }));
    return { summary, heard: heard.filter((line) => !line.startsWith("info")) };
  }

  manifest() {
    const { bucket, now } = this.rig;
    const quiet = { now, notify: () => {} };
    return findManifest(bucket, "host", quiet).then((found) => openManifest(bucket, found, { notify: () => {} }));
  }

  /** What its root lists as needed, which takes no identity. */
  async manifestNeeds() {
    const found = await findManifest(this.rig.bucket, "host", { now: this.rig.now, notify: () => {} });
    return "file" in found ? [] : ((await readOriginal(this.rig.bucket, found)).manifest.needs ?? []);
  }

  async restored(bucket: Bucket = this.rig.bucket) {
    const notices: Notice[] = [];
    const notify = (notice: Notice) => notices.push(notice);
    const manifest = await openManifest(bucket, await findManifest(bucket, "host", { now: this.rig.now, notify }), {
      notify,
    });
    const target = join(this.rig.path, `target-${crypto.randomUUID()}`);
    await mkdir(target);
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const options = {
      target,
      paths: [],
      numericOwner: true,
      snapshots: "fetch",
      onProgress: () => {},
      random,
      signal,
    } as const;
    await restore({ bucket, manifest, ...options, ask: () => Promise.reject(new Error("asked")), notify });
    return {
      read: (name: string) => readFile(join(target, this.rig.file(name))),
      dump: (name: string) => readFile(join(target, "sysbackup-snapshots", name), "utf8"),
      errors: notices.filter(({ level }) => level !== "info").map(({ message }) => message),
    };
  }

  async stored(): Promise<Map<string, { bytes: Buffer; metadata: string }>> {
    const { bucket } = this.rig;
    const objects = new Map<string, { bytes: Buffer; metadata: string }>();
    for await (const page of bucket.list(""))
      for (const { key } of page) {
        const metadata = (await bucket.head(key))?.metadata;
        const bytes = Buffer.concat(await Array.fromAsync(bucket.get(key)));
        objects.set(key, { bytes, metadata: JSON.stringify(metadata) });
      }
    return objects;
  }
}
