/** Each row of the table in docs/s3-sysbackup.md is run: as an option of ours, or as a line of `conf`. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArguments } from "../../cmd/arguments.ts";
import { writeConfigArgs } from "../../cmd/commands/write-config/arguments.ts";
import { requestOf } from "../../cmd/commands/write-config/request.ts";
import { subcommands } from "../../cmd/subcommands.ts";
import { loadConfig } from "../../core/config/config.ts";
import { Failure } from "../../core/failure.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";

type Verdict = "yes" | "no" | "refused";
type TableRow = { readonly there: string; readonly here: string; readonly verdict: Verdict };

const page = await readFile(join(import.meta.dir, "../../docs/s3-sysbackup.md"), "utf8");
const rows: TableRow[] = [...page.matchAll(/^\| (\S.*?) +\| (.*?) +\| (yes|no|refused) +\|$/gm)].map(
  ([, there = "", here = "", verdict]) => ({
    there,
    here,
    verdict: verdict === "yes" || verdict === "no" ? verdict : "refused",
  }),
);

const word = (text: string) => /`([^`]+)`/.exec(text)?.[1] ?? "";

async function configOf(conf: string) {
  await using folder = await scratch();
  await writeFile(join(folder.path, "conf"), conf);
  return await loadConfig({ confDir: folder.path, hostName: "host" });
}

const base = { aws: "", s3: "bucket = backups", content: "" };

/** A `conf` of s3-sysbackup with one more line in a section. */
function confWith(section: string, line: string): string {
  const sections: Record<string, string> = { ...base, [section]: line };
  return Object.entries(sections)
    .map(([name, text]) => `[${name}]\n${text}\n`)
    .join("");
}

const values: Readonly<Record<string, string>> = {
  profile: "p",
  credentials_file: "keys",
  role_arn: "arn:aws:iam::1:role/r",
  bucket: "other",
  region: "eu-west-1",
  export: "mine",
  lock_timeout: "7",
  days_retained: "21",
};

async function runConf(section: string, key: string): Promise<unknown> {
  const config = await configOf(confWith(section, `${key} = ${values[key]}`));
  return { aws: config.aws, s3: config.s3, cloudformation: config.cloudformation, content: config.content };
}

/** Options of write-config that need another beside them. */
const alone = /^write-config --(?:conf-dir|package-name) /;

function runOption(line: string) {
  const words = line.split(" ").map((one) => (/^[A-Z]+$/.test(one) ? "a1" : one));
  const [name = ""] = words;
  const spelled = line.includes("DAYS") ? words.map((one) => (one === "a1" ? "20" : one)) : words;
  const request = parseArguments([...spelled, ...(alone.test(line) ? ["-c"] : [])], subcommands);
  if (request.kind !== "run") throw new Error(`got ${request.kind}`);
  expect(request.subcommand.name).toBe(name);
  if (name === "write-config") requestOf(writeConfigArgs(request.words), { folder: "/", program: ["/bin/true"] });
  return request.words;
}

async function runRow({ there, verdict }: TableRow): Promise<void> {
  const what = word(there);
  const [kind = ""] = there.split(":");
  if (there.startsWith("`conf`: ")) {
    const written = /`conf`: `\[(\w+)\](?: (\w+))?`/.exec(there);
    const [, section = "", key] = written ?? [];
    if (section === "DEFAULT") {
      const config = await configOf(`[DEFAULT]\ndays_retained = 20\n${confWith("aws", "profile = a%%b")}`);
      expect([config.content.daysRetained, config.aws.profile]).toEqual([20, "a%b"]);
    } else if (key === undefined) expect(configOf(`${confWith("aws", "")}[${section}]\n`)).rejects.toThrow(Failure);
    else if (key === "role_arn") await runRole();
    else expect(JSON.stringify(await runConf(section, key))).toContain(values[key] ?? "?");
  } else if (kind === "number") {
    const loading = configOf(confWith("content", what));
    if (verdict === "refused")
      await expect(loading).rejects.toThrow(/lock_timeout = "inf" in \[content\] is not allowed/);
    else
      expect((await loading).content[what.startsWith("days") ? "daysRetained" : "lockTimeout"]).toBeOneOf([14, 5_000]);
  } else if (kind === "default") await runDefault(what, verdict);
  else if (kind === "file") await runFile(what, verdict);
  else runOption(what);
}

async function runRole(): Promise<void> {
  const role = `role_arn = ${values.role_arn}`;
  expect((await configOf(confWith("aws", role))).aws.roleArn).toBeUndefined();
  const both = await configOf(confWith("aws", `${role}\ncredentials_file = keys`));
  expect(both.aws.roleArn).toBe(values.role_arn ?? "");
}

async function runDefault(what: string, verdict: Verdict): Promise<void> {
  const [, key = "", value = ""] = /^(.*?)(?: = | )(.*)$/.exec(what) ?? [];
  if (!key.startsWith("--")) {
    const { cloudformation, content } = await configOf(confWith("aws", ""));
    expect(key === "export" ? cloudformation.export : String(content.daysRetained)).toBe(value);
    return;
  }
  const flag = key.slice(2);
  const name = flag === "conf-dir" ? "archive" : "write-config";
  const words = parseArguments([name, ...(name === "archive" ? [] : ["-c"])], subcommands);
  if (words.kind !== "run") throw new Error("it is no run");
  expect(words.words.value(flag) === value).toBe(verdict === "yes");
}

/**
 * Files are taken from the folder that is named in place of `/etc/backup`; the state has the one that is named for it. What is not the
 * same is a picker that is a link to nothing.
 */
async function runFile(path: string, verdict: Verdict): Promise<void> {
  await using dir = await scratch();
  const data = join(dir.path, "data");
  await mkdir(data);
  await writeFile(join(data, "file"), "text");
  const { conf, state } = await writeConf(dir.path, {
    pickers: { one: `printf '  ${data}/file\\r\\n'` },
    snapshotters: { db: 'echo dump >&"$1"' },
  });
  await mkdir(state, { mode: 0o700 });
  await writeFile(join(state, "retention.db"), "not ours", { mode: 0o600 });
  if (verdict === "no") await symlink("nowhere", join(conf, "pickers.d/x"));
  const { exit, stdout, stderr } = await sysbackup(["archive", "--conf-dir", conf, "--json"]);
  expect([path, exit]).toEqual([path, verdict === "no" ? 3 : 0]);
  if (verdict === "no") expect(stderr).toContain('/pickers.d/x" cannot be executed: it is a link to nothing');
  expect(JSON.parse(stdout)).toMatchObject({ files: 1 });
  expect(await readFile(join(state, "retention.db"), "utf8")).toBe("not ours");
}

describe("the table of docs/s3-sysbackup.md", () => {
  test("the table has a row for each option and key", () => {
    expect(rows.length).toBeGreaterThan(45);
    for (const key of Object.keys(values)) expect(page).toContain(`] ${key}\``);
  });

  test.each(rows.map((row) => [row.there, row] as const))("the row %s is so", async (_, row) => {
    await runRow(row);
  });
});
