/** Renders what verify found as one HTML page that loads and runs nothing: plots first, then all findings. */
import type { BackupVerdict, Verdict } from "../../../restore/verify/verify.ts";
import { bytes, count, counted, moment } from "../../terminal/format.ts";
import { escaped } from "./escaped.ts";
import { drawn, horizonPlot, maxDrawn, sizePlot } from "./plots.ts";
import { lossText, unseenText, verdictLine } from "./report.ts";

/** Rows of a table at most, as browsers are slow with more. */
const maxListed = 2_000;

const style = `
:root{color-scheme:light dark;--ok:#2e7d4f;--short:#c77700;--damaged:#c62828;--unread:#777;--line:#8884;--text:#222;--back:#fff}
@media(prefers-color-scheme:dark){:root{--ok:#57b581;--short:#f0a53a;--damaged:#ff6b61;--unread:#aaa;--text:#eee;--back:#161616}}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:var(--text);background:var(--back)}
h1{font-size:1.3rem;border-left:.5rem solid var(--ok);padding:.3rem .8rem;margin:0 0 .5rem}
h1.short{border-color:var(--short)}h1.damaged{border-color:var(--damaged)}h1.expired,h1.unread,h1.untrusted{border-color:var(--unread)}
h2{font-size:1.05rem;margin:2rem 0 .4rem}
svg{width:100%;height:auto;font:11px system-ui,sans-serif}text{fill:currentColor}
.grid{stroke:var(--line)}.promise{stroke:currentColor;stroke-width:2}line.now{stroke:currentColor;stroke-dasharray:3 3}
rect.restorable{fill:var(--ok)}rect.short{fill:var(--short)}rect.damaged{fill:var(--damaged)}rect.expired,rect.unread,rect.untrusted{fill:var(--unread)}
text.damage,td.damaged,td.damage{fill:var(--damaged);color:var(--damaged)}td.short,td.promise{color:var(--short)}td.restorable{color:var(--ok)}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.15rem .6rem .15rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td.number,th.number{text-align:right;white-space:nowrap}td.time,td.code{white-space:nowrap}.faint{opacity:.7}
`;

export function pageOf(verdict: Verdict, share: string | undefined): string {
  const { at, state, backups } = verdict;
  const hash = new Bun.CryptoHasher("sha256").update(style).digest("base64");
  const shown = drawn(backups);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8">`,
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'">`,
    `<meta name="viewport" content="width=device-width"><title>${escaped(`sysbackup verify: ${state}`)}</title>`,
    `<style>${style}</style></head><body>`,
    `<h1 class="${state}">${escaped(verdictLine(verdict))}</h1>`,
    `<p class="faint">${escaped(factsOf(verdict, share))} ${escaped(`As of ${moment(at)}.`)}</p>`,
    ...(shown.length === 0 ? [] : plots(verdict, shown)),
    ...section("Damage", findingRows(verdict, "damage")),
    ...section("Cannot be restored, or not completely", lossRows(verdict)),
    ...section("Not locked as promised, not checked, or not trusted", findingRows(verdict, "promise")),
    ...section("Worth knowing", findingRows(verdict, "note")),
    ...section("Backups", backupRows(backups)),
    `</body></html>\n`,
  ].join("\n");
}

function factsOf({ backups, objects, bytes: size, unseen, read }: Verdict, share: string | undefined): string {
  const rest = unseen.lockOnly === 0 ? "" : `, ${unseenText(unseen)}`;
  const looked = `${counted(backups.length, "backup")}, ${counted(objects, "object")} (${bytes(size)}) looked up${rest}`;
  if (read === undefined) return `${looked}; content was not read.`;
  return `${looked}; ${counted(read.objects, "object")} (${bytes(read.bytes)}, ${share}) read and hashed.`;
}

function plots({ at, backups }: Verdict, shown: ReturnType<typeof drawn>): string[] {
  const rest = backups.length > maxDrawn ? ` The newest ${maxDrawn} of ${count(backups.length)} are drawn.` : "";
  return [
    `<h2>Locked until</h2><p class="faint">A bar ends when the first lock of a backup ends; the tick shows when its promise ends.${rest}</p>`,
    horizonPlot(shown, at),
    `<h2>Size</h2><p class="faint">Bytes of files in each backup, the oldest of each name on its left.</p>`,
    sizePlot(shown),
  ];
}

function* section(title: string, rows: Iterable<string>): Generator<string> {
  let listed = 0;
  for (const row of rows) {
    if (listed === 0) yield `<h2>${escaped(title)}</h2><table>`;
    if (listed === maxListed) {
      yield `<tr><td class="faint">and more: --json names all</td></tr>`;
      break;
    }
    yield row;
    listed += 1;
  }
  if (listed > 0) yield "</table>";
}

function* findingRows({ findings }: Verdict, severity: string): Generator<string> {
  for (const { key, version, code, why, ...finding } of findings()) {
    if (finding.severity !== severity) continue;
    yield `<tr><td class="code ${severity}">${code}</td><td>${escaped(key)}<br><span class="faint">version ${escaped(version)}</span></td><td>${escaped(why)}</td></tr>`;
  }
}

function* lossRows({ losses, backups }: Verdict): Generator<string> {
  for (const loss of losses()) yield `<tr><td>${escaped(lossText(loss, backups.length))}</td></tr>`;
}

function* backupRows(backups: readonly BackupVerdict[]): Generator<string> {
  if (backups.length > 0)
    yield `<tr><th>name</th><th>time</th><th class="number">entries</th><th class="number">size</th><th>locked until</th><th>promised</th><th>state</th></tr>`;
  for (const { manifest, header, totals, lockedUntil, state, lost } of backups) {
    const time = (date: Date | undefined) =>
      `<td class="time">${date === undefined ? "" : moment(date).slice(0, 16)}</td>`;
    const dated = (text: string | undefined) => time(text === undefined ? undefined : new Date(text));
    const number = (text: string) => `<td class="number">${text}</td>`;
    yield `<tr><td>${escaped(header?.name ?? manifest)}</td>${dated(header?.started)}${number(count(totals?.entries ?? 0))}${number(bytes(totals?.bytes ?? 0))}${time(lockedUntil)}${dated(header?.retain_until)}<td class="${state}">${state}${lost > 0 ? `, ${count(lost)} lost` : ""}</td></tr>`;
  }
}
