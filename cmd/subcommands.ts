/**
 * The command line, declared in one place: subcommands, options, help, and which file does the work. The files are
 * imported when they run, so that `--help` loads none of them.
 */
import { resolve } from "node:path";
import { nearest } from "../core/config/nearest.ts";
import { type ExitStatus, exitStatus, Failure } from "../core/failure.ts";
import {
  type ArchiveArgs,
  type CommonArgs,
  type CostArgs,
  type ListArgs,
  type PruneArgs,
  type QuickstartArgs,
  type RenewArgs,
  type RestoreArgs,
  type SnapshotChoice,
  snapshotChoices,
  type VerifyArgs,
} from "./args.ts";
import type { CommandIO, Run } from "./io.ts";
import { nameOf, noPolicy, policyOf, policyOptions, wholeNumber } from "./policy.ts";

/** `flag` as cac takes it, with the value's placeholder: `--target <dir>`. */
export type Option = {
  readonly flag: string;
  readonly help: string;
  readonly default?: string;
  /** Of an option whose value may be left out, `--read-data [part]`: the next word is it only where it looks so. */
  readonly value?: RegExp;
};

/** The words of the command line after parsing: exact, as the user wrote them. */
export type Words = {
  readonly operands: readonly string[];
  /** The value of `--name`, or its default. */
  value(name: string): string | undefined;
  given(name: string): boolean;
};

export type Subcommand = {
  readonly name: string;
  /** As cac takes them: `<manifest> [...paths]`. */
  readonly operands: string;
  /** One line, for the list of subcommands too. */
  readonly summary: string;
  readonly details?: string;
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  start(words: Words, io: CommandIO): Promise<ExitStatus>;
};

export const program: Pick<Subcommand, "summary" | "details"> = {
  summary: "Back up a Linux system to S3 buckets with Object Lock, and bring it back",
  details:
    "Each subcommand has its own --help. Exit status: 0 done; 1 failed; 2 bad usage or configuration;\n3 done, but incomplete; 4 damage found; 130 interrupted.",
};

export const commonOptions: readonly Option[] = [
  { flag: "--conf-dir <dir>", help: "Folder of conf, pickers.d and snapshots.d", default: "/etc/backup" },
  { flag: "--name <name>", help: "Backup name, instead of [backup] name or the host name" },
  { flag: "--bucket <bucket>", help: "Bucket, instead of [s3] bucket: name, s3://name or file:///path" },
  { flag: "--json", help: "Print results as JSON" },
];

/** Ties arguments to the file that takes them. */
function subcommand<Args>(
  declared: Omit<Subcommand, "start">,
  args: (words: Words) => Args,
  load: () => Promise<{ readonly run: Run<Args> }>,
): Subcommand {
  return {
    ...declared,
    async start(words, io) {
      const parsed = args(words);
      const { run } = await load();
      return run(parsed, io);
    },
  };
}

export const subcommands: readonly Subcommand[] = [
  subcommand<ArchiveArgs>(
    {
      name: "archive",
      operands: "",
      summary: "Back up what the pickers and snapshotters choose",
      options: [],
      examples: [
        "sysbackup archive",
        "sysbackup archive --conf-dir /etc/backup-hourly --name web1-hourly",
        "sysbackup archive --bucket file:///mnt/usb/backups",
      ],
    },
    common,
    () => import("./archive.ts"),
  ),
  subcommand<RestoreArgs>(
    {
      name: "restore",
      operands: "<manifest> [...paths]",
      summary: "Bring back a backup, or some paths of it",
      details: [
        "<manifest> is a backup name (its newest backup), name@time (the newest until then, as in web1@2026-11-20),",
        "a key in the bucket, or a local file. Without paths, everything comes back. Files that are as the backup has",
        "them are left alone, so a restore that was stopped goes on when run again.",
      ].join("\n"),
      options: [
        { flag: "--target <dir>", help: "Folder to restore into", default: "/" },
        { flag: "--numeric-owner", help: "Owners by number, not by name" },
        { flag: "--snapshots <what>", help: `Replay snapshots: ${snapshotChoices.join(", ")}`, default: "ask" },
      ],
      examples: [
        "sysbackup restore web1 --target /mnt",
        "sysbackup restore web1@2026-11-20 /etc/fstab /home/alice --target /tmp/look",
        "sysbackup restore web1 --bucket s3://example-backups --snapshots run",
      ],
    },
    restoreArgs,
    () => import("./restore.ts"),
  ),
  subcommand<ListArgs>(
    {
      name: "list",
      operands: "[name]",
      summary: "Show the backups in the bucket, or those of one backup name",
      options: [],
      examples: ["sysbackup list", "sysbackup list web1 --json"],
    },
    (words): ListArgs => ({ ...common(words), of: words.operands[0] }),
    () => import("./list.ts"),
  ),
  subcommand<VerifyArgs>(
    {
      name: "verify",
      operands: "[manifest]",
      summary: "Check that backups are there, locked as promised, and sound",
      details: [
        "[manifest] is named as for restore; the newest backup of this machine where none is given. By default, every",
        "object is looked up: version, size, encoding, lock. Exit status: 0 all well; 3 locks are not as promised;",
        "4 damage found.",
      ].join("\n"),
      options: [
        { flag: "--all", help: "Every backup of the name, or of every name where none is given" },
        {
          flag: "--read-data [part]",
          help: "Read and hash content too: all, a slice (2/7, or /7 for today's), or a share at random (5%)",
          value: /^\d*\/\d+$|^\d+(?:\.\d+)?%$/,
        },
        { flag: "--live", help: "Compare with this machine's files; with --read-data, their content too" },
        { flag: "--html <file>", help: "Write a page with plots, too" },
      ],
      examples: [
        "sysbackup verify",
        "sysbackup verify web1@2026-11-20 --read-data",
        "sysbackup verify --all --read-data /7 --html /var/www/backups.html",
        "sysbackup verify --live",
      ],
    },
    verifyArgs,
    () => import("./verify.ts"),
  ),
  subcommand<PruneArgs>(
    {
      name: "prune",
      operands: "[name]",
      summary: "Remove the backups that no rule keeps, and what no other backup needs",
      details: [
        "Of all names, or of one. What is still locked is left for a later prune. It needs a role that may delete versions,",
        "which no backed-up machine should have; archives may run meanwhile. See docs/retention.md.",
      ].join("\n"),
      options: [...policyOptions, { flag: "--dry-run", help: "Only show what would be removed" }],
      examples: [
        "sysbackup prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run",
        "sysbackup prune web1 --keep-within 30d --keep-yearly 3",
      ],
    },
    pruneArgs,
    () => import("./prune.ts"),
  ),
  subcommand<RenewArgs>(
    {
      name: "renew",
      operands: "[name]",
      summary: "Extend the locks of the backups that the rules keep, for machines that no longer run",
      details: [
        "Of all names, or of one. What those backups need is locked from now on for as long as their manifests promised from",
        "their start. Exit status 3 where --stale lists a name. See docs/retention.md.",
      ].join("\n"),
      options: [
        ...policyOptions,
        { flag: "--days <n>", help: "Lock for n days from now" },
        { flag: "--stale <days>", help: "List the names whose newest backup is older; alone, renews nothing" },
      ],
      examples: ["sysbackup renew --stale 3", "sysbackup renew web1 --keep-last 1 --days 365"],
    },
    renewArgs,
    () => import("./renew.ts"),
  ),
  subcommand<CostArgs>(
    {
      name: "cost",
      operands: "[name]",
      summary: "Show what the backups of a name cost: a run, a month, a full restore",
      details:
        "In requests, storage and transfer, side by side with one object a file, from a price table with date and source.",
      options: [
        { flag: "--prices <file>", help: "Your provider's prices, as docs/cost.md shows, instead of those of AWS" },
      ],
      examples: ["sysbackup cost", "sysbackup cost web1 --prices prices.yaml --json"],
    },
    costArgs,
    () => import("./cost.ts"),
  ),
  subcommand<QuickstartArgs>(
    {
      name: "quickstart",
      operands: "",
      summary:
        "Try it out: back up this machine's /etc to a folder, list, verify, restore to a scratch folder, compare",
      options: [],
      examples: ["sysbackup quickstart"],
    },
    common,
    () => import("./quickstart.ts"),
  ),
];

function common(words: Words): CommonArgs {
  return {
    confDir: resolve(words.value("conf-dir") ?? ""),
    name: words.value("name"),
    bucket: words.value("bucket"),
  };
}

function costArgs(words: Words): CostArgs {
  const prices = words.value("prices");
  return { ...common(words), of: words.operands[0], pricesFile: prices === undefined ? undefined : resolve(prices) };
}

function restoreArgs(words: Words): RestoreArgs {
  const [manifest = "", ...paths] = words.operands;
  return {
    ...common(words),
    manifest,
    paths,
    target: resolve(words.value("target") ?? ""),
    numericOwner: words.given("numeric-owner"),
    snapshots: snapshotChoice(words.value("snapshots") ?? ""),
  };
}

function pruneArgs(words: Words): PruneArgs {
  const policy = policyOf(words);
  if (policy === undefined) throw noPolicy("prune");
  return { ...common(words), of: nameOf(words), policy, dryRun: words.given("dry-run") };
}

function renewArgs(words: Words): RenewArgs {
  const policy = policyOf(words);
  const staleDays = wholeNumber("stale", words);
  if (policy === undefined && staleDays === undefined) throw noPolicy("renew");
  return { ...common(words), of: nameOf(words), policy, days: wholeNumber("days", words), staleDays };
}

function verifyArgs(words: Words): VerifyArgs {
  const html = words.value("html");
  return {
    ...common(words),
    manifest: words.operands[0],
    all: words.given("all"),
    readData: words.given("read-data") ? (words.value("read-data") ?? "") : undefined,
    live: words.given("live"),
    html: html === undefined ? undefined : resolve(html),
  };
}

function snapshotChoice(written: string): SnapshotChoice {
  const choice = snapshotChoices.find((known) => known === written);
  if (choice) return choice;
  const near = nearest(written, snapshotChoices);
  throw new Failure({
    doing: "use --snapshots",
    what: written,
    why: `known are ${snapshotChoices.join(", ")}`,
    ...(near && { remedy: `did you mean ${near}?` }),
    exit: exitStatus.usage,
  });
}
