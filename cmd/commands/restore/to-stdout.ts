/** Writes what would be restored to stdout, as a tar. */
import type { BucketReader } from "../../../core/bucket/contract.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { toText } from "../../../core/format/path.ts";
import { writeTar } from "../../../restore/browse/tar.ts";
import { unread } from "../../../restore/choosing/missing.ts";
import { Report } from "../../../restore/report/report.ts";
import { exitOf } from "../../../restore/restore.ts";
import type { CommandIO } from "../../io.ts";
import { bytes, counted } from "../../terminal/format.ts";
import type { RestoreArgs } from "./arguments.ts";

type TarDeps = { readonly bucket: BucketReader; readonly manifest: Manifest };

export async function restoreToStdout(args: RestoreArgs, { bucket, manifest }: TarDeps, io: CommandIO) {
  const report = new Report(io.notify);
  const { paths, choices } = args;
  const missing = await writeTar({
    bucket,
    manifest,
    paths,
    ...choices,
    report,
    write: io.outBytes,
    signal: io.signal,
  });
  const absent = ["the backup has nothing of that path", "check its spelling, or look for it: `sysbackup find NAME`"];
  const [why = "", remedy] = report.figures.errors > 0 ? unread : absent;
  for (const path of missing) {
    report.lost("not-in-backup", { doing: "write", what: toText(path), why, remedy, damage: false });
  }
  const { figures } = report;
  if (manifest.snapshots.length > 0) {
    const message = `the tar has no database dumps, of which the backup has ${manifest.snapshots.length}: \`sysbackup cat\` writes them`;
    report.info("snapshot-skipped", message);
  }
  report.info(
    "tar-written",
    `wrote ${counted(figures.files, "file")} (${bytes(figures.bytes)}), ${counted(figures.folders, "folder")}`,
  );
  report.end();
  return exitOf(figures);
}
