/** Remembers in the state whether a table has all bundles of a section: a table that is new, or that failed, gets them at the next run. */
import type { Database } from "bun:sqlite";
import type { BundleSection } from "../../config/bundle-section.ts";
import type { Keyed } from "../../format/codecs/keyed.ts";
import { prefixes } from "../../format/keys/keys.ts";
import type { BundleRef } from "../../format/manifest/manifest.ts";
import { fact, setFact } from "../state/database.ts";
import { type FingerprintIndex, notedFingerprint } from "./fingerprint-index.ts";

type NotedSealing = { readonly keyed: Keyed | undefined; readonly passwordName: string };

export class NotedSection {
  readonly #database: Database;
  readonly #fact: string;
  /** What the fact says if all are there. */
  readonly #complete: string;
  #missed = false;

  constructor(database: Database, { name, index }: BundleSection) {
    this.#database = database;
    this.#fact = `noted_bundles/${name}`;
    this.#complete = typeof index === "string" ? "" : index.table;
  }

  /** Call if something could not be noted. */
  missed(): void {
    this.#missed = true;
    setFact(this.#database, this.#fact, "");
  }

  /** Notes all bundles of the section if some may not be. */
  async complete(index: FingerprintIndex, refs: readonly BundleRef[], sealing: NotedSealing): Promise<void> {
    if (this.#missed || fact(this.#database, this.#fact) === this.#complete) return;
    // Of those that were adopted, the script's items say what is known.
    const own = refs.filter(({ key }) => key.startsWith(prefixes.bundles));
    const bundles = own.map(({ key, version, size, sha256, fingerprint }) => ({
      key,
      version,
      size,
      sha256,
      fingerprint: notedFingerprint(fingerprint, sealing.keyed),
      sealedWith: sealing.passwordName,
    }));
    await index.note(bundles.map((bundle) => ({ ...bundle, md5: undefined })));
    if (!this.#missed) setFact(this.#database, this.#fact, this.#complete);
  }
}
