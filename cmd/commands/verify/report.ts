/** Formats what verify found, as lines for people and as one JSON document. The verdict comes first. */
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import type { Finding } from "../../../restore/verify/findings.ts";
import type { LostEntries } from "../../../restore/verify/losses.ts";
import type { BackupVerdict, Verdict } from "../../../restore/verify/verify.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, count, counted, moment, tableLines } from "../../terminal/format.ts";

/** Findings of a kind that text names; `--json` has all. */
const maxNamed = 20;

export function* reportLines(verdict: Verdict, share: string | undefined, counts: Counts): Generator<string> {
  const { backups, objects, bytes: size, read, found, lost, unseen } = verdict;
  yield verdictLine(verdict);
  yield `  ${counted(objects, "object")} (${bytes(size)}) that ${backupsText(backups)} ${backups.length === 1 ? "needs" : "need"}, looked up one by one`;
  if (unseen.lockOnly > 0) yield `  ${unseenText(unseen)}`;
  yield read === undefined
    ? "  content was not read: --read-data does that"
    : `  ${counted(read.objects, "object")} read and hashed (${share}), ${bytes(read.bytes)}${notedText(read)}${frozenText(read)}`;
  if (verdict.expiryDays !== undefined) yield `  ${expiryText(verdict)}`;
  yield `  requests: ${requestsLine(counts)}`;
  if (backups.length > 1) yield* tableLines(columns, rowsOf(backups));
  yield* section("damaged:", findingLines(verdict, "damage"));
  yield* section(`cannot be restored, or not completely: ${counted(lost, "entry", "entries")}`, lossLines(verdict));
  yield* section("not locked as promised, not checked, or not trusted:", findingLines(verdict, "promise"));
  yield* section("worth knowing:", findingLines(verdict, "note"));
  if (found.damage > 0)
    yield "restore these from another backup: `sysbackup list` shows them; new ones may share the damage: see docs/troubleshooting.md";
  if (found.promise > 0 && verdict.state !== "unread" && verdict.state !== "untrusted")
    yield "run `sysbackup renew` to extend locks; until then only access rights protect these objects from deletion";
}

function expiryText({ expiryDays, backups }: Pick<Verdict, "expiryDays" | "backups">): string {
  const expired = backups.filter(({ state }) => state === "expired").length;
  const over = expired === 0 ? "" : `; ${counted(expired, "backup")} past the promise, not looked at`;
  return `the bucket removes what no lock holds, ${counted(expiryDays ?? 0, "day")} after it was stored${over}`;
}

function notedText({ noted }: NonNullable<Verdict["read"]>): string {
  return noted === 0 ? "" : `; ${count(noted)} noted for other machines`;
}

function frozenText({ frozen }: NonNullable<Verdict["read"]>): string {
  return frozen === 0
    ? ""
    : `; ${counted(frozen, "object")} not read, as ${frozen === 1 ? "it is" : "they are"} frozen`;
}

/** Says what a role that may not read content leaves unchecked. */
export function unseenText({ lockOnly, encodingUnknown }: Verdict["unseen"]): string {
  const encodings =
    encodingUnknown === 0 ? "" : `; the encoding of ${counted(encodingUnknown, "object")} in content/ was not checked`;
  return `${counted(lockOnly, "object")} checked for the lock only, as this role may not read content: legal holds are not shown${encodings}`;
}

/** One line that says until when all can be restored, or what is wrong and what is lost. */
export function verdictLine({ state, backups, found, lost, frozen }: Verdict): string {
  if (state === "damaged") {
    const hurt = backups.filter((backup) => backup.state === "damaged").length;
    const cost =
      hurt === 0
        ? "no file is lost"
        : `${counted(lost, "entry", "entries")} lost in ${count(hurt)} of ${counted(backups.length, "backup")}`;
    return `damaged: ${counted(found.damage, "object is", "objects are")} missing or not as recorded; ${cost}`;
  }
  const until = earliest(backups);
  const date = until === undefined ? "" : ` until ${moment(until)}`;
  if (state === "unread")
    return "not verified: some manifests cannot be used, as said below; for a newer format, use a newer sysbackup";
  if (state === "untrusted") {
    const others = backups.filter((backup) => backup.state === "untrusted").length;
    return `not trusted: no key in the file of --trust has signed ${count(others)} of ${counted(backups.length, "backup")}, for its name and date`;
  }
  const once = frozen === 0 ? "" : `, once ${counted(frozen, "object is", "objects are")} thawed`;
  if (state === "expired")
    return `expired: ${backupsText(backups)} ${backups.length === 1 ? "is" : "are"} kept no longer, as promised, and the bucket removes what no lock holds; \`sysbackup renew\` keeps what is to stay`;
  if (state === "short" && found.promise === frozen)
    return `restorable${date}${once}: content lies in an archive tier, where a restore has to wait for it`;
  if (state === "short")
    return `restorable${once}, but not locked as promised: ${counted(found.promise, "object")}; all is locked only${date || " by nothing"}`;
  return until === undefined
    ? `restorable${once}: ${backupsText(backups)}, as promised until now; no longer locked`
    : `restorable${date}${once}: ${backupsText(backups)}`;
}

/** The first end of a lock among the backups that still promise something. */
function earliest(backups: readonly BackupVerdict[]): Date | undefined {
  let first: Date | undefined;
  for (const { lockedUntil = first } of backups) {
    if (first === undefined || (lockedUntil !== undefined && lockedUntil < first)) first = lockedUntil;
  }
  return first;
}

function backupsText(backups: readonly BackupVerdict[]): string {
  const [only] = backups;
  if (backups.length !== 1 || only === undefined) return counted(backups.length, "backup");
  const { header, manifest } = only;
  return header === undefined ? JSON.stringify(manifest) : `${header.name} of ${moment(new Date(header.started))}`;
}

const columns = [
  { title: "name" },
  { title: "time" },
  { title: "size", align: "right" },
  { title: "locked until" },
  { title: "state" },
] as const;

function* rowsOf(backups: readonly BackupVerdict[]): Generator<string[]> {
  for (const backup of backups) yield rowOf(backup);
}

function rowOf({ manifest, header, totals, lockedUntil, state, lost }: BackupVerdict): string[] {
  return [
    header?.name ?? manifest,
    header === undefined ? "" : moment(new Date(header.started)),
    totals === undefined ? "" : bytes(totals.bytes),
    lockedUntil === undefined ? "" : moment(lockedUntil),
    lost > 0 ? `${state} (${counted(lost, "entry", "entries")})` : state,
  ];
}

function* section(title: string, lines: Iterable<string>): Generator<string> {
  let named = 0;
  for (const line of lines) {
    if (named === 0) yield title;
    if (named === maxNamed) return yield `  and more: --json names all`;
    yield `  ${line}`;
    named += 1;
  }
}

function* findingLines({ findings }: Verdict, severity: Finding["severity"]): Generator<string> {
  for (const { key, version, why, ...finding } of findings())
    if (finding.severity === severity) yield `${key} (version ${version}): ${why}`;
}

function* lossLines({ losses, backups }: Verdict): Generator<string> {
  for (const loss of losses()) yield lossText(loss, backups.length);
}

export function lossText({ path, entries, backups }: LostEntries, verified: number): string {
  const what = entries === 1 ? path : `${path} and the ${count(entries - 1)} entries after it`;
  return verified === 1 ? what : `${what} (in ${counted(backups, "backup")})`;
}

/** One JSON document over many lines, so that a million paths are never in memory at once. */
export function* documentLines(verdict: Verdict, share: string | undefined, counts: Counts): Generator<string> {
  const { at, state, backups, objects, bytes: size, found, lost, expiryDays, frozen, unseen, read } = verdict;
  const summary = verdictLine(verdict);
  const head = { verdict: state, summary, at, objects, bytes: size, found, lost, expiryDays, frozen, unseen };
  const rest = { backups: backups.map(documentOf), read: read && { share, ...read }, requests: counts };
  yield `${JSON.stringify({ ...head, ...rest }).slice(0, -1)},"findings":[`;
  yield* separated(verdict.findings());
  yield `],"losses":[`;
  yield* separated(verdict.losses());
  yield "]}";
}

function documentOf({ manifest, state, header, totals, lockedUntil, lost }: BackupVerdict): object {
  const { name, host, started, retain_until, lock_mode } = header ?? {};
  const { entries, bytes: size } = totals ?? {};
  return { manifest, name, host, started, state, retain_until, lock_mode, lockedUntil, entries, bytes: size, lost };
}

function* separated(items: Iterable<object>): Generator<string> {
  let before: string | undefined;
  for (const item of items) {
    if (before !== undefined) yield `${before},`;
    before = JSON.stringify(item);
  }
  if (before !== undefined) yield before;
}
