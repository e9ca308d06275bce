/** Bundling: stores the bundles of all sections. What goes wrong with one is a notice, and costs no other. */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { type Bucket, BucketError, type Retention } from "../../bucket/contract.ts";
import { isFatal } from "../../bucket/fatal.ts";
import type { BundleSection } from "../../config/bundle-section.ts";
import { codeOf, exitStatus, Failure, reasonOf, SealingFailure } from "../../failure.ts";
import type { Keyed } from "../../format/codecs/keyed.ts";
import { nameOfPassword, usePassword } from "../../format/codecs/openssl.ts";
import type { BundleRef } from "../../format/manifest/manifest.ts";
import { type ByteString, foldersAbove, fromText, toText } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import { sha256 } from "../../format/sha256.ts";
import type { Notify } from "../../notice.ts";
import { SystemError } from "../../system/libc.ts";
import { makeKeyfile, readKeyfile, refuseReplaceable } from "../../system/trust/keyfile.ts";
import type { Table } from "../../table/contract.ts";
import type { OwnFiles } from "../quilting/paths/own-files.ts";
import type { PathSet } from "../quilting/paths/path-set.ts";
import type { LockBudget } from "../quilting/reading/lock-wait.ts";
import { type BundleId, BundleTable } from "../state/tables/bundles.ts";
import { excludedBy } from "./exclude.ts";
import type { FingerprintIndex } from "./fingerprint-index.ts";
import { metadataIndex } from "./metadata-index.ts";
import { NotedSection } from "./noted-section.ts";
import { type BundleMeter, type BundleUnit, type StoreDeps, storeBundle, Unnameable } from "./store.ts";
import { tableIndex } from "./table-index.ts";
import { findAll, findUnits, type WalkDeps } from "./walk.ts";

export type BundlingDeps = {
  readonly bucket: Pick<Bucket, "put" | "startUpload" | "extend" | "get" | "head" | "listVersions" | "retention">;
  /** Whether bundles that the script before this program has stored are taken up, and their keyfile is the section's. */
  readonly adopt: boolean;
  /** Filters over all objects with content or names; a keyfile comes before them. */
  readonly filters: readonly string[];
  /** Set for sealed backups: keys, and what is noted elsewhere, then say nothing of what is in bundles. */
  readonly keyed: Keyed | undefined;
  readonly openTable: (name: string) => Table;
  readonly database: Database;
  readonly sections: readonly BundleSection[];
  /** Keeps the bundles of other sections as they are. Else they are in earlier backups only. */
  readonly keepOthers: boolean;
  /** The backup name. */
  readonly name: string;
  readonly retention: Retention;
  readonly minimumLockEnd: Date;
  readonly own: OwnFiles;
  readonly lockBudget: LockBudget;
  readonly now: () => Date;
  readonly random: (length: number) => Uint8Array;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly notify: Notify;
  readonly breathe: () => Promise<void>;
  readonly meter: BundleMeter;
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
};

/** Bundles that are named when they are gone; more are only counted. */
const mostNamed = 10;

/**
 * Returns what the manifest says of the bundles. Throws errors of the bucket that everything else would meet, and the reason of
 * `signal`.
 */
export async function storeBundles(deps: BundlingDeps): Promise<BundleRef[]> {
  const refs: BundleRef[] = [];
  for (const section of deps.sections) refs.push(...(await new SectionRun(section, deps).run()));
  const names = new Set(deps.sections.map(({ name }) => name));
  const table = new BundleTable(deps.database);
  for (const section of table.sections()) {
    if (names.has(section)) continue;
    if (deps.keepOthers) refs.push(...keepSection(table, section, deps));
    else
      dropBundles(table, table.inSection(section), deps.notify, `section [bundle ${section}] is not in conf any more`);
  }
  return refs;
}

/** Returns the bundles of a section that this run does not concern. */
function keepSection(table: BundleTable, section: string, deps: BundlingDeps): BundleRef[] {
  const ids = table.inSection(section);
  const kept = ids.flatMap((id) => keepBundle(table, id, deps.minimumLockEnd) ?? []);
  const lost = ids.length - kept.length;
  if (lost > 0) {
    const message = `${lost} bundles of [bundle ${section}] are in earlier backups only: their locks end too soon to build upon; run that section again`;
    deps.notify({ level: "warning", code: "bundle-gone", message });
  }
  return kept;
}

/** Returns the bundle of an earlier run, if its lock lasts. Else it is forgotten. */
function keepBundle(table: BundleTable, id: BundleId, minimumLockEnd: Date): BundleRef | undefined {
  const ref = table.get(id)?.ref;
  const objects = ref && table.objectsOf(ref);
  if (ref !== undefined && objects?.every(({ retainUntil }) => retainUntil >= minimumLockEnd)) return ref;
  table.remove(id);
  return undefined;
}

function dropBundles(table: BundleTable, gone: readonly BundleId[], notify: Notify, why: string): void {
  for (const [number, id] of gone.entries()) {
    table.remove(id);
    if (number >= mostNamed) continue;
    const message = `the bundle of ${quoted(id.path)} is in earlier backups only: ${why}`;
    notify({ level: "warning", code: "bundle-gone", message });
  }
  if (gone.length <= mostNamed) return;
  const message = `${gone.length - mostNamed} more bundles are in earlier backups only: ${why}`;
  notify({ level: "warning", code: "bundle-gone", message });
}

type KeyfileSealing = Pick<StoreDeps, "sealedWith" | "passwordName">;

const noKeyfile: KeyfileSealing = { sealedWith: "", passwordName: "" };

class SectionRun {
  readonly #section: BundleSection;
  readonly #deps: BundlingDeps;
  readonly #table: BundleTable;
  readonly #noted: NotedSection;
  readonly #refs: BundleRef[] = [];
  /** Paths of bundles that are there, so that the others are known to be gone. */
  readonly #met = new Set<string>();

  constructor(section: BundleSection, deps: BundlingDeps) {
    this.#section = section;
    this.#deps = deps;
    this.#table = new BundleTable(deps.database);
    this.#noted = new NotedSection(deps.database, section);
  }

  async run(): Promise<readonly BundleRef[]> {
    const { signal, notify } = this.#deps;
    const { name, path } = this.#section;
    try {
      await this.#storeAll();
      const gone = this.#table.inSection(name).filter((id) => !this.#met.has(idOf(id)));
      dropBundles(this.#table, gone, notify, "its path is not there any more");
    } catch (error) {
      signal.throwIfAborted();
      const why = ownReason(error);
      // The bundles of earlier runs are as good as they were.
      const kept = this.#keepAll();
      const message = `the bundles of ${JSON.stringify(path)} (section [bundle ${name}]) are not stored: ${why}${kept}`;
      notify({ level: "error", code: "bundles-not-stored", message });
    }
    return this.#refs;
  }

  async #storeAll(): Promise<void> {
    const { keyfile, path: configured } = this.#section;
    using sealing = keyfile === undefined ? undefined : await this.#unlock(keyfile);
    const path = fromText(await realpath(configured));
    if (toText(path) !== configured.replace(/(.)\/+$/, "$1")) this.#tellRealPath(configured, path);
    const walk = this.#walk();
    const store = this.#store(sealing ?? noKeyfile);
    // What is stored now is not in a table that was used before.
    if (store.index === undefined) this.#noted.missed();
    const leading = foldersAbove(path);
    if (this.#section.depth === 0)
      await this.#one({ path, above: false, leading, keepsLeading: true }, () => findAll(path, walk), store);
    else await this.#storeUnits(path, leading, walk, store);
    if (store.index !== undefined) await this.#noted.complete(store.index, this.#refs, store);
  }

  async #storeUnits(path: ByteString, leading: readonly ByteString[], walk: WalkDeps, store: StoreDeps): Promise<void> {
    const units = await findUnits(path, this.#section.depth, walk);
    using rest = units.above;
    await this.#one({ path, above: true, leading, keepsLeading: true }, () => Promise.resolve(rest), store);
    for (const at of units.at) {
      const unit = { path: at, above: false, leading: foldersAbove(at), keepsLeading: false };
      await this.#one(unit, () => findAll(at, walk), store);
    }
  }

  async #one(unit: Omit<BundleUnit, "paths">, find: () => Promise<PathSet>, deps: StoreDeps): Promise<void> {
    const { signal, notify } = this.#deps;
    signal.throwIfAborted();
    this.#met.add(idOf(unit));
    try {
      using paths = await find();
      this.#refs.push(await storeBundle({ ...unit, paths: () => paths.inOrder() }, deps));
    } catch (error) {
      signal.throwIfAborted();
      const why = ownReason(error);
      const kept = this.#keep({ section: this.#section.name, ...unit });
      const message = `the bundle of ${quoted(unit.path)} is not stored: ${why}${kept ? "; the backup has it as an earlier run stored it" : ""}`;
      notify({ level: "error", code: "bundle-not-stored", message });
    }
  }

  /** Returns whether there is a bundle of an earlier run to keep. */
  #keep(id: BundleId): boolean {
    const ref = keepBundle(this.#table, id, this.#deps.minimumLockEnd);
    if (ref !== undefined) this.#refs.push(ref);
    return ref !== undefined;
  }

  #keepAll(): string {
    const others = this.#table.inSection(this.#section.name).filter((id) => !this.#met.has(idOf(id)));
    const kept = others.filter((id) => this.#keep(id)).length;
    return kept === 0 ? "" : `; the backup has ${kept} of them as earlier runs stored them`;
  }

  /** Reads the keyfile, and makes it if it is missing. */
  async #unlock(path: string): Promise<Disposable & KeyfileSealing> {
    await refuseReplaceable(path);
    const sealed = this.#table.inSection(this.#section.name).filter(({ known }) => (known?.sealedWith ?? "") !== "");
    if (sealed.length > 0 && !existsSync(path)) throw goneKeyfile(path, sealed.length);
    if (await makeKeyfile(path, this.#deps.random)) {
      const message = `made the keyfile ${JSON.stringify(path)}: without it, nobody can restore these bundles. Keep a copy of it where neither this machine nor the bucket is: on paper, on a stick in a safe, in a password manager`;
      this.#deps.notify({ level: "info", code: "keyfile-made", message });
    }
    const password = await readKeyfile(path);
    const used = usePassword(password);
    const sealedWith = sha256(password);
    const others = sealed.filter(({ known }) => known?.sealedWith !== sealedWith);
    if (others.length > 0) this.#tellChanged(path, others.length);
    const passwordName = nameOfPassword(password);
    return { sealedWith, passwordName, [Symbol.dispose]: () => used[Symbol.dispose]() };
  }

  #tellChanged(path: string, bundles: number): void {
    const message = `${bundles} bundles of [bundle ${this.#section.name}] are sealed with another keyfile than ${JSON.stringify(path)} is now: they are sent again. Keep the old one as long as backups need it`;
    this.#deps.notify({ level: "info", code: "keyfile-changed", message });
  }

  #walk(): WalkDeps {
    const { own, notify, breathe } = this.#deps;
    return { own, notify, breathe, isExcluded: excludedBy(this.#section.exclude) };
  }

  #store({ sealedWith, passwordName }: KeyfileSealing): StoreDeps {
    const { filters, keyed } = this.#deps;
    return {
      ...this.#deps,
      section: this.#section,
      filters: sealedWith === "" ? filters : ["openssl", ...filters],
      sealedWith,
      // With its secret, a sealed backup says for whom it is sealed, too.
      passwordName: keyed?.digest(`sealed with ${passwordName}`) ?? passwordName,
      index: this.#index(),
    };
  }

  #index(): FingerprintIndex | undefined {
    const { bucket, openTable, notify } = this.#deps;
    const { index } = this.#section;
    if (index === "state") return undefined;
    if (index === "metadata") return metadataIndex(bucket);
    const onMissed = () => this.#noted.missed();
    return tableIndex({ table: openTable(index.table), bucket, notify, onMissed });
  }

  #tellRealPath(configured: string, path: ByteString): void {
    const message = `${JSON.stringify(configured)} of [bundle ${this.#section.name}] leads through a link: ${quoted(path)} is bundled`;
    this.#deps.notify({ level: "info", code: "bundle-path", message });
  }
}

/** Failure for a keyfile that was there: another one in its place would hide that backups cannot be opened without a copy of it. */
function goneKeyfile(path: string, bundles: number): Failure {
  return new Failure({
    doing: "use the keyfile",
    what: path,
    why: `it is not there, and ${bundles} bundles of this section are sealed with a keyfile`,
    remedy:
      "put a copy of it back, as nobody can restore these bundles without it; or make another one for those to come: umask 077; head -c 4096 /dev/urandom | tr -d '\\0\\n' > FILE",
    exit: exitStatus.usage,
  });
}

function idOf({ path, above }: Pick<BundleId, "path" | "above">): string {
  return `${above ? 1 : 0}${path}`;
}

/** Returns why one bundle, or one section, failed. Throws an error that concerns more. */
function ownReason(error: unknown): string {
  if (error instanceof BucketError && (isFatal(error) || error.kind === "no-lock")) throw error;
  if (error instanceof SealingFailure) throw error;
  if (error instanceof Failure || error instanceof SystemError || error instanceof Unnameable) return error.message;
  if (codeOf(error) !== undefined) return reasonOf(error);
  throw error;
}
