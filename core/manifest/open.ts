/** Opens the manifest that a user means, with its names, and warns of what was laid over it. */
import type { Stored } from "../bucket/contract.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { Notice, Notify } from "../notice.ts";
import type { ObjectSource } from "../stored/read.ts";
import type { Found } from "./find.ts";
import { type Overlay, readOriginal } from "./original.ts";
import { nameOf, readManifest } from "./read.ts";
import { askIfSealed, openSealed } from "./sealed.ts";
import { demandTrust, refusedBy, type Trust } from "./trust.ts";

export type OpenTools = {
  readonly notify: Notify;
  readonly trust?: Trust | undefined;
  /** Asks for an identity, if the backup is sealed and none is given. */
  readonly askIdentity?: (() => Promise<void>) | undefined;
};

/** Throws a `ManifestRefused` also for a backup that `trust` refuses, and warns of one that it only does not trust. */
export async function openManifest(bucket: ObjectSource, found: Found, tools: OpenTools): Promise<Manifest> {
  const { notify, trust, askIdentity } = tools;
  const { manifest, stored } = await readRootOf(bucket, found, tools);
  if (trust !== undefined) demandTrust(trust, { manifest, name: nameOf(found), stored }, notify);
  await askIfSealed(manifest, askIdentity);
  return openSealed(bucket, manifest);
}

async function readRootOf(bucket: ObjectSource, found: Found, { notify, trust }: OpenTools) {
  if ("file" in found) return { manifest: await readManifest(bucket, found), stored: undefined };
  const { manifest, stored, overlay } =
    found.original ?? (await readOriginal(bucket, found, { trust: refusedBy(trust) }));
  if (overlay !== undefined) notify(overlaid(stored, overlay));
  return { manifest, stored: stored.stored };
}

function overlaid({ key, version }: Stored, { hidden, versions }: Overlay): Notice {
  const what = [
    ...(hidden ? ["a delete marker"] : []),
    ...(versions > 0 ? [versions === 1 ? "another version" : `${versions} other versions`] : []),
  ];
  const message = `someone laid ${what.join(" and ")} over the manifest ${JSON.stringify(key)}; its oldest whole version ${JSON.stringify(version)} is used, which archive put: find out whose credentials did that, and run \`sysbackup verify\``;
  return { level: "warning", code: "backup-overlaid", message };
}
