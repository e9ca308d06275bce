import { loadConfig } from "../core/config/config.ts";
import { exitStatus } from "../core/failure.ts";
import { findManifest } from "../core/manifests/find.ts";
import { nameOf, readManifest } from "../core/manifests/read.ts";
import { type Verdict, verify } from "../restore/verify.ts";
import type { VerifyArgs } from "./args.ts";
import { connect } from "./connect.ts";
import type { Run } from "./io.ts";
import { bytes, count, counted } from "./terminal/format.ts";

export const run: Run<VerifyArgs> = async ({ confDir, name, bucket: override, manifest: wanted }, io) => {
  const config = await loadConfig({ confDir, hostName: io.hostName, name, bucket: override, confOptional: true });
  const { bucket, counts } = await connect(config, io);
  try {
    const source = await findManifest(bucket, wanted ?? config.backup.name);
    const manifest = await readManifest(bucket, source);
    const onProgress = (objects: number) => io.progress.update({ doneBytes: 0, files: objects });
    const verdict = await verify({ bucket, manifest, onProgress, signal: io.signal });
    io.progress.end();
    const sound = verdict.damagedObjects === 0;
    const document = { manifest: nameOf(source), verdict: sound ? "ok" : "damaged", ...verdict, requests: counts };
    for (const line of io.json ? [JSON.stringify(document)] : verdictLines(nameOf(source), verdict)) io.out(line);
    return sound ? exitStatus.done : exitStatus.damaged;
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

function verdictLines(
  manifest: string,
  { objects, bytes: size, damagedObjects, lost, faults, paths, unnamed }: Verdict,
): string[] {
  const needs = `${counted(objects, "object")} (${bytes(size)}) that ${JSON.stringify(manifest)} needs`;
  if (damagedObjects === 0) return [`ok: the bucket has all ${needs}, in the recorded version and size`];
  return [
    `damaged: ${count(damagedObjects)} of the ${needs} are missing or not as recorded`,
    ...listed(
      faults.map(({ key, version, why }) => `${key} (version ${version}): ${why}`),
      damagedObjects - faults.length,
    ),
    `cannot be restored, or not wholly: ${counted(lost, "entry", "entries")}`,
    ...listed(paths, unnamed),
    "restore these from another backup: `sysbackup list` shows them",
  ];
}

function listed(items: readonly string[], more: number): string[] {
  return [...items.map((item) => `  ${item}`), ...(more > 0 ? [`  and ${count(more)} more`] : [])];
}
