/** Lists versions key by key, and says what lies under a key. */
import type { DatedVersion, ListedVersion, Stored } from "../bucket/contract.ts";
import { splitKey } from "../format/codecs/encoding.ts";
import { parseIndexKey, parseManifestKey, parseVerifiedKey } from "../format/keys/keys.ts";
import { parseLegacyKey, parseLegacySnapshot } from "../format/keys/legacy-keys.ts";
import type { VersionLister } from "../manifest/roots.ts";
import { Garbage } from "../system/threads/garbage.ts";

/** All versions of one key, newest first. */
export type KeyVersions = {
  readonly key: string;
  readonly versions: readonly DatedVersion[];
  /** Only the newest of very many. */
  readonly markers: readonly Stored[];
  /** The newest of all is a delete marker: plain reads do not find the key. */
  readonly hidden: boolean;
};

/** Markers of a key that are kept: anybody may lay any number, and the next prune removes the others. */
const mostMarkers = 10_000;

/** What looking at a version leaves. */
const garbageOfVersion = 2_048;
const garbage = new Garbage(16 * 1024 * 1024);

/** Lists some keys at a time, in byte order. A key whose versions are on several pages comes once. */
export async function* listKeys(bucket: VersionLister, prefix: string): AsyncGenerator<readonly KeyVersions[]> {
  let open: OpenKey | undefined;
  for await (const page of bucket.listVersions(prefix)) {
    const whole: KeyVersions[] = [];
    for (const listed of page) {
      if (open !== undefined && open.key !== listed.key) {
        whole.push(open);
        open = undefined;
      }
      open ??= { key: listed.key, versions: [], markers: [], hidden: false };
      add(open, listed);
    }
    garbage.left(page.length * garbageOfVersion);
    yield whole;
  }
  if (open !== undefined) yield [open];
}

/** A key of which more versions may come. */
type OpenKey = KeyVersions & { readonly versions: DatedVersion[]; readonly markers: Stored[]; hidden: boolean };

function add(open: OpenKey, listed: ListedVersion): void {
  if (!listed.deleteMarker) open.versions.push(plain(listed));
  else if (open.markers.length < mostMarkers) open.markers.push(plain(listed));
  open.hidden ||= listed.latest && listed.deleteMarker;
}

function plain({ key, version, size, stored }: ListedVersion): DatedVersion {
  return { key, version, size, stored };
}

const kinds = ["root", "part", "pack", "content", "snapshot", "bundle", "index", "verified"] as const;
export type ObjectKind = (typeof kinds)[number];

/** What an object is, and whose; content has no name, as all may share it. */
export type Classified = { readonly kind: ObjectKind; readonly name: string | undefined };

const shapes: readonly (readonly [ObjectKind, RegExp])[] = [
  ["part", /^manifests\/([^/]+)\/parts\/[0-9a-f]{64}\.jsonl\.zst$/],
  ["pack", /^packs\/[0-9a-f]{64}\.zst$/],
  ["content", /^content\/[0-9a-f]{64}$/],
  ["bundle", /^bundles\/([^/]+)\/.+\.(?:tar\.(?:zst|gz|bz2|xz)|toc\/[0-9a-f]{64}\.jsonl\.zst)$/],
  ["snapshot", /^snapshots\/([^/]+)\/\d{8}T\d{6}Z-[^/]+$/],
];

/** Returns undefined for a key that sysbackup does not write: nothing is done to those. */
export function classify(key: string): Classified | undefined {
  const root = parseManifestKey(key);
  if (root !== undefined) return { kind: "root", name: root.name };
  const index = parseIndexKey(key);
  if (index !== undefined) return { kind: "index", name: index.name };
  const legacy = parseLegacyKey(key);
  if (legacy !== undefined) return { kind: "root", name: legacy.name };
  const snapshot = parseLegacySnapshot(key);
  if (snapshot !== undefined) return { kind: "snapshot", name: snapshot.name };
  if (parseVerifiedKey(key) !== undefined) return { kind: "verified", name: undefined };
  const { base } = splitKey(key);
  for (const [kind, shape] of shapes) {
    const match = shape.exec(base);
    if (match !== null) return { kind, name: match[1] };
  }
  return undefined;
}
