/** The root of a backup, as a prune and a renewal keep it: in few bytes, as anybody may put very many, and few are looked at. */
import type { DatedVersion, Stored } from "../bucket/contract.ts";
import { type ManifestKey, parseManifestKey } from "../format/keys/keys.ts";
import type { LegacyKind } from "../format/keys/legacy-keys.ts";
import type { LegacyRoot } from "../manifest/legacy/roots.ts";
import { wordOf } from "../manifest/roots.ts";
import type { Dated } from "./policy.ts";
import type { KeyVersions } from "./versions.ts";

/**
 * The root of a backup: all versions of its key, as anyone who may put objects may put one over it. `time`: when the server
 * stored the first of them.
 */
export type Root = KeyVersions &
  Dated &
  ManifestKey & {
    /** What names exactly this root. */
    readonly id: string;
    /** Set for a manifest of s3-sysbackup. */
    readonly kind?: LegacyKind;
  };

/** Returns the root of a manifest of s3-sysbackup. `markers`: those that go with it. */
export function legacyRootOf(root: LegacyRoot, markers: readonly Stored[]): Root {
  const { kind, key, name, stamp, run, stored: time } = root;
  const versions = root.versions.map((version) => ({ ...version, stored: time }));
  return { id: wordOf(root), kind, key, name, stamp, run, time, versions, markers, hidden: false };
}

/**
 * Returns undefined if it is not the key of a root. `time`: when the first of its versions was stored; `before`: another root,
 * whose name is shared if it is the same.
 */
export function rootOf(found: KeyVersions, time: Date, before: Root | undefined): Root | undefined {
  const parsed = parseManifestKey(found.key);
  if (parsed === undefined) return undefined;
  return new LeanRoot(found, parsed.name === before?.name ? before.name : copied(parsed.name), time);
}

/** Version, size, and when it was stored: milliseconds since 1970. */
type VersionRow = readonly [string, number, number];

class LeanRoot implements Root {
  readonly key: string;
  readonly name: string;
  readonly time: Date;
  readonly hidden: boolean;
  /** `VersionRow`s as JSON; of no markers, which is the rule, an empty text. */
  readonly #versions: string;
  readonly #markers: string;

  constructor({ key, versions, markers, hidden }: KeyVersions, name: string, time: Date) {
    this.key = copied(key);
    this.name = name;
    this.time = time;
    this.hidden = hidden;
    this.#versions = JSON.stringify(versions.map(({ version, size, stored }) => [version, size, stored.getTime()]));
    this.#markers = markers.length === 0 ? "" : JSON.stringify(markers.map(({ version, size }) => [version, size, 0]));
  }

  get id(): string {
    return this.key;
  }

  get stamp(): string {
    return this.#parsed().stamp;
  }

  get run(): string {
    return this.#parsed().run;
  }

  get versions(): readonly DatedVersion[] {
    return this.#unpacked(this.#versions);
  }

  get markers(): readonly DatedVersion[] {
    return this.#markers === "" ? [] : this.#unpacked(this.#markers);
  }

  #parsed(): ManifestKey {
    const parsed = parseManifestKey(this.key);
    if (parsed === undefined) throw new Error(`not the key of a root: ${this.key}`);
    return parsed;
  }

  #unpacked(text: string): DatedVersion[] {
    const rows: readonly VersionRow[] = JSON.parse(text);
    return rows.map(([version, size, stored]) => ({ key: this.key, version, size, stored: new Date(stored) }));
  }
}

/** Returns text that keeps no longer one in memory, as that of a slice does. */
function copied(text: string): string {
  return Buffer.from(text).toString();
}
