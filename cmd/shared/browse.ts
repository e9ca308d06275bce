/** What the subcommands that look into backups share: a connection, the backup that is meant, and the exit status. */
import type { Bucket } from "../../core/bucket/contract.ts";
import type { Config } from "../../core/config/config.ts";
import { type ExitStatus, exitStatus } from "../../core/failure.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { type Found, findManifest } from "../../core/manifest/find.ts";
import { openManifest } from "../../core/manifest/open.ts";
import type { CommandIO } from "../io.ts";
import type { Access } from "./access.ts";
import { connectAs } from "./connect.ts";
import { finding, isSurelyNewest } from "./finding.ts";
import { useKeyfiles } from "./keyfiles.ts";
import { identityAsker, useIdentity } from "./sealing.ts";

type OpenBackup = { readonly found: Found; readonly manifest: Manifest };

/** Opens a backup by the word that a user gives. */
type OpenByName = (wanted: string) => Promise<OpenBackup>;

export type Browsing = { readonly bucket: Bucket; readonly config: Config; readonly open: OpenByName };

/**
 * Connects in the role `restore`, which reads manifests and content. Ends with status 3 in place of 0 if a backup was named by its name
 * alone, and a newer one cannot be read.
 */
export async function browse(
  access: Access,
  io: CommandIO,
  use: (browsing: Browsing) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const { bucket, config } = await connectAs("restore", access, io);
  let newest = true;
  const askIdentity = identityAsker(io);
  const open = async (wanted: string) => {
    const found = await findManifest(bucket, wanted, finding(bucket, io));
    newest &&= isSurelyNewest(found);
    return { found, manifest: await openManifest(bucket, found, { notify: io.notify, askIdentity }) };
  };
  try {
    await useKeyfiles(config, access.keyfile, io.notify);
    await useIdentity(config, access.identity, io);
    const status = await use({ bucket, config, open });
    return status === exitStatus.done && !newest ? exitStatus.incomplete : status;
  } finally {
    await bucket.close();
  }
}
