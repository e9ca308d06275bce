import { readFile } from "node:fs/promises";
import { untilAborted } from "../../../core/abortable.ts";
import { loadConfig } from "../../../core/config/config.ts";
import { type Cost, costOfBackups } from "../../../core/cost/cost.ts";
import { measure } from "../../../core/cost/measure.ts";
import { builtInPrices, type PriceTable, parsePrices } from "../../../core/cost/prices.ts";
import { exitStatus, Failure, reasonOf } from "../../../core/failure.ts";
import { argumentBytes } from "../../../core/format/argument.ts";
import { safeName } from "../../../core/format/keys/keys.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { daysThawed } from "../../../restore/thaw/thaw.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { connect } from "../../shared/connect.ts";
import { finding } from "../../shared/finding.ts";
import { requestsLine } from "../../shared/requests.ts";
import type { CostArgs } from "./arguments.ts";
import { documentOf } from "./document.ts";
import { costLines } from "./lines.ts";

export const run: RunSubcommand<CostArgs> = async ({ confDir, name, bucket: override, wantedName, pricesFile }, io) => {
  const prices = pricesFile === undefined ? builtInPrices() : await untilAborted(io.signal, readPrices(pricesFile));
  const config = await loadConfig({ confDir, hostName: io.hostName, name, bucket: override, confOptional: true });
  const wanted = wantedName ?? config.backup.name;
  checkName(wanted);
  const { bucket, counts } = await connect(config, io);
  try {
    const { cost, lost } = await read(bucket, wanted, prices, io);
    // Called for its error, which lists the names there are.
    if (cost === undefined && lost === 0) await findManifest(bucket, wanted, finding(bucket, io));
    if (cost === undefined) return exitStatus.damaged;
    if (io.json) io.out(JSON.stringify({ name: wanted, ...documentOf(cost, prices), requests: counts }));
    else {
      for (const line of costLines(wanted, cost, prices)) io.out(line);
      io.out(`requests that this command made: ${requestsLine(counts)}`);
    }
    return lost === 0 ? exitStatus.done : exitStatus.incomplete;
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

async function read(
  bucket: Awaited<ReturnType<typeof connect>>["bucket"],
  name: string,
  prices: PriceTable,
  { now, notify, progress, signal }: CommandIO,
): Promise<{ readonly cost: Cost | undefined; readonly lost: number }> {
  let lost = 0;
  const onLost = (why: string) => {
    lost += 1;
    notify({ level: "error", code: "manifest-unusable", message: `${why}; the sums do not include it` });
  };
  const onProgress = (parts: number) => progress.update({ doneBytes: 0, files: parts });
  const measured = await measure({ bucket, name, now: () => bucket.serverTime() ?? now(), onLost, onProgress, signal });
  using _history = measured.history;
  progress.end();
  return { cost: costOfBackups(measured, prices, daysThawed), lost };
}

async function readPrices(file: string): Promise<PriceTable> {
  try {
    return parsePrices(await readFile(argumentBytes(file), "utf8"), file);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure({ doing: "read the prices", what: file, why: reasonOf(error), exit: exitStatus.usage });
  }
}

function checkName(name: string): void {
  if (safeName.test(name)) return;
  throw new Failure({
    doing: "show the cost of",
    what: name,
    why: "it is not a backup name, which has letters, digits, dots, dashes and underscores",
    remedy: "give a name that `sysbackup list` shows; the cost is that of all its backups",
    exit: exitStatus.usage,
  });
}
