import type { BucketReader } from "../../../core/bucket/contract.ts";
import { type ExitStatus, exitStatus, Failure } from "../../../core/failure.ts";
import { isContinued } from "../../../core/format/entries/segment.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { Pauses } from "../../../core/pauses.ts";
import { contentOf, type VerifiedBytes } from "../../../restore/browse/content.ts";
import { continuedContent } from "../../../restore/browse/continued-content.ts";
import { dumpNamed, verifiedDump } from "../../../restore/browse/dump.ts";
import { Gaps } from "../../../restore/browse/gaps.ts";
import { lookUp } from "../../../restore/browse/look-up.ts";
import { parsePath } from "../../../restore/choosing/select.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { browse } from "../../shared/browse.ts";
import type { CatArgs } from "./arguments.ts";

export const run: RunSubcommand<CatArgs> = async ({ manifest: named, wanted, ...access }, io) => {
  if (io.json) throw noDocument();
  return browse(access, io, async ({ bucket, open }) => {
    const { manifest } = await open(named);
    const write = wanted.includes("/") ? writeFile : writeDump;
    return write(wanted, { bucket, manifest }, io);
  });
};

type CatDeps = { readonly bucket: BucketReader; readonly manifest: Manifest };

async function writeFile(path: string, deps: CatDeps, io: CommandIO): Promise<ExitStatus> {
  const gaps = new Gaps(io.notify, (one) => one === path);
  const { entry, objects, list } = await lookUp({ ...deps, gaps }, parsePath(path, "write"));
  if (entry.type !== "file") throw noFile(path, entry.type);
  const { bucket } = deps;
  const { signal } = io;
  const content = isContinued(entry)
    ? continuedContent({ bucket, list, gaps, signal }, entry)
    : contentOf(bucket, entry, objects, signal);
  await writeAll(content, io);
  return exitStatus.done;
}

/** A dump that is marked failed may not be whole. */
async function writeDump(name: string, { bucket, manifest }: CatDeps, io: CommandIO): Promise<ExitStatus> {
  const dump = dumpNamed(manifest.snapshots, name);
  await writeAll(verifiedDump({ bucket, manifest }, dump, io.signal), io);
  if (dump.exit === 0) return exitStatus.done;
  const message = `snapshot ${JSON.stringify(name)} is marked failed and may not be whole`;
  io.notify({ level: "warning", code: "snapshot-failed", message });
  return exitStatus.incomplete;
}

async function writeAll(content: VerifiedBytes, { outBytes, signal }: CommandIO): Promise<void> {
  // A hole may be larger than any disk, and nothing is waited for in it.
  const pauses = new Pauses(signal);
  for await (const bytes of content) {
    signal.throwIfAborted();
    outBytes(bytes);
    if (pauses.due(bytes.length)) await pauses.take();
  }
}

function noFile(what: string, type: string): Failure {
  const why = `it is a ${type}, which has no content`;
  const remedy = type === "folder" ? "list it: `sysbackup ls`" : "restore it: `sysbackup restore`";
  return new Failure({ doing: "write", what, why, remedy });
}

function noDocument(): Failure {
  return new Failure({
    doing: "use --json",
    why: "content is bytes, not JSON",
    remedy: "leave it out, or use `sysbackup ls --json` for what the manifest says of the file",
    exit: exitStatus.usage,
  });
}
