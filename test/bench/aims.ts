/** What was aimed at, and what was reached. */
import type { DataResult, Figure, Row } from "./results.ts";
import type { Phase } from "./tools/tool.ts";

const peers = ["restic", "rustic", "borg", "kopia"];

type Aim = {
  readonly what: string;
  readonly most: number;
  readonly unit?: string;
  /** Undefined if it was not measured. */
  readonly is: (results: readonly DataResult[]) => number | undefined;
};

const aims: readonly Aim[] = [
  { what: "first backup, against `tar \\| zstd -3 -T2`", most: 1.4, is: (all) => ours(all, "real", "first")?.ratio },
  { what: "first backup, against the fastest peer", most: 0.5, is: (all) => toFastestPeer(all, "first") },
  { what: "nothing changed, against `find -ls`", most: 3, is: (all) => ours(all, "real", "again")?.ratio },
  { what: "nothing changed, against the fastest peer", most: 0.35, is: (all) => toFastestPeer(all, "again") },
  { what: "restore, against `zstd -d \\| tar x`", most: 1.5, is: (all) => ours(all, "real", "restore")?.ratio },
  // 0.8 of the speed.
  { what: "first backup sealed by `age`, against unsealed", most: 1.25, is: (all) => sealedToPlain(all, "first") },
  { what: "restore of what `age` sealed, against unsealed", most: 1.25, is: (all) => sealedToPlain(all, "restore") },
  { what: "stored bytes, against restic", most: 0.9, is: toRestic },
  { what: "1,000,000 files, nothing changed", most: 10, unit: "s", is: (all) => ours(all, "small", "again")?.seconds },
  {
    what: "1,000,000 files, peak of the first backup",
    most: 256,
    unit: "MiB",
    is: (all) => ours(all, "small", "first")?.peak,
  },
  {
    what: "1,000,000 files, peak when nothing changed",
    most: 256,
    unit: "MiB",
    is: (all) => ours(all, "small", "again")?.peak,
  },
  {
    what: "1,000,000 files, state database",
    most: 300,
    unit: "MiB",
    is: (all) => rowIn(all, "small", "sysbackup")?.kept,
  },
  { what: "requests when nothing changed", most: 2, is: (all) => ours(all, "real", "again", "Ceph")?.requests },
];

export function aimsOf(results: readonly DataResult[]): string {
  const lines = aims.map(({ what, most, unit = "", is }) => {
    const reached = is(results);
    const text = reached === undefined ? "not measured" : `${number(reached)} ${unit}`.trim();
    return `| ${what} | ${`${most} ${unit}`.trim()} | ${text} | ${reached === undefined ? "" : reached <= most ? "yes" : "**no**"} |`;
  });
  return ["## Aims", "", "| | at most | measured | reached |", "|---|---|---|---|", ...lines].join("\n");
}

function rowIn(results: readonly DataResult[], data: string, tool: string, place: Row["place"] = "directory") {
  const result = results.find(({ name }) => name === data);
  return result?.rows.find((row) => row.tool === tool && row.place === place);
}

function ours(results: readonly DataResult[], data: string, phase: Phase, place?: Row["place"]): Figure | undefined {
  return rowIn(results, data, "sysbackup", place)?.phases[phase];
}

function toFastestPeer(results: readonly DataResult[], phase: Phase): number | undefined {
  const times = peers.flatMap((peer) => rowIn(results, "real", peer)?.phases[phase]?.seconds ?? []);
  const own = ours(results, "real", phase)?.seconds;
  return own === undefined || times.length === 0 ? undefined : own / Math.min(...times);
}

function sealedToPlain(results: readonly DataResult[], phase: Phase): number | undefined {
  const [sealed, plain] = ["sysbackup sealed", "sysbackup"].map((tool) => rowIn(results, "real", tool)?.phases[phase]);
  return sealed === undefined || plain === undefined ? undefined : sealed.seconds / plain.seconds;
}

function toRestic(results: readonly DataResult[]): number | undefined {
  const [own, theirs] = [rowIn(results, "real", "sysbackup"), rowIn(results, "real", "restic")];
  return own === undefined || theirs === undefined ? undefined : own.stored / theirs.stored;
}

function number(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}
