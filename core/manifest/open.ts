/** Opens the manifest that a user means, with its names, and warns of what was laid over it. */
import type { Stored } from "../bucket/contract.ts";
import type { Manifest } from "../format/manifest.ts";
import type { Notice, Notify } from "../notice.ts";
import type { ObjectSource } from "../stored/read.ts";
import type { Found } from "./find.ts";
import { type Overlay, readOriginal } from "./original.ts";
import { readManifest } from "./read.ts";
import { openSealed } from "./sealed.ts";

export async function openManifest(bucket: ObjectSource, found: Found, notify: Notify): Promise<Manifest> {
  if ("file" in found) return openSealed(bucket, await readManifest(bucket, found));
  const { manifest, stored, overlay } = found.original ?? (await readOriginal(bucket, found));
  if (overlay !== undefined) notify(overlaid(stored, overlay));
  return openSealed(bucket, manifest);
}

function overlaid({ key, version }: Stored, { hidden, versions }: Overlay): Notice {
  const what = [
    ...(hidden ? ["a delete marker"] : []),
    ...(versions > 0 ? [versions === 1 ? "another version" : `${versions} other versions`] : []),
  ];
  const message = `someone laid ${what.join(" and ")} over the manifest ${JSON.stringify(key)}; its oldest whole version ${JSON.stringify(version)} is used, which archive put: find out whose credentials did that, and run \`sysbackup verify\``;
  return { level: "warning", code: "backup-overlaid", message };
}
