import { describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unitNames } from "../../../core/aws/package.ts";
import { parseWindow } from "../../../core/write-config/unit-values.ts";
import { renderUnits, type UnitSettings } from "../../../core/write-config/units.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { run } from "../../support/services/command.ts";
import { has } from "../../support/services.ts";

const backup: UnitSettings = {
  role: "backup",
  unit: unitNames.backup,
  program: [process.execPath],
  confDir: "/etc/backup",
  stateDir: "/var/cache/backup",
  serviceUser: "backup",
  window: parseWindow("2:00", "1h"),
  credential: undefined,
};

const variants: readonly (readonly [name: string, most: number, settings: UnitSettings])[] = [
  ["archive", 2, backup],
  ["archive as root", 2.5, { ...backup, serviceUser: "root" }],
  ["verify", 2, { ...backup, role: "audit", unit: unitNames.audit }],
  ["read", 2, { ...backup, role: "reader", unit: unitNames.reader }],
  ["prune", 2, { ...backup, role: "steward", unit: unitNames.steward }],
];

function textOf(settings: UnitSettings, suffix: string): string {
  const unit = renderUnits(settings).find(({ name }) => name.endsWith(suffix));
  if (unit === undefined) throw new Error(`no ${suffix} among the units`);
  return unit.text;
}

/** Writes the units into the folder `units`, with a hook, so that every command in them is there. */
async function written(dir: string, settings: UnitSettings): Promise<string[]> {
  await mkdir(settings.confDir, { recursive: true });
  await writeFile(join(settings.confDir, "on-failure"), "#!/bin/sh\n", { mode: 0o755 });
  const units = join(dir, "units");
  await mkdir(units);
  const files = renderUnits(settings).map(({ name, text }) => ({ path: join(units, name), text }));
  for (const { path, text } of files) await writeFile(path, text);
  return files.map(({ path }) => path);
}

async function analyze(...args: readonly string[]) {
  const child = Bun.spawn(["systemd-analyze", "--no-pager", ...args], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

test("the commands of docs/systemd.md make the same units from the templates as write-config", async () => {
  await using dir = await scratch();
  const root = join(import.meta.dir, "../../..");
  const page = await readFile(join(root, "docs/systemd.md"), "utf8");
  const [, fill = ""] = /^```sh\n(fill\(\) .*?)^systemctl /ms.exec(page) ?? [];
  const script = fill.replaceAll("/etc/systemd/system/", `${dir.path}/`);
  expect(Bun.spawnSync(["sh", "-ec", script], { cwd: join(root, "systemd") }).exitCode).toBe(0);
  const units = renderUnits({ ...backup, program: ["/usr/local/bin/sysbackup"] });
  for (const { name, text } of units) {
    expect(await readFile(join(dir.path, name), "utf8")).toBe(text);
  }
});

describe.skipIf(!has("systemd-analyze"))("systemd-analyze", () => {
  for (const [name, most, settings] of variants) {
    test(`systemd-analyze finds no fault in the units of ${name}`, async () => {
      await using dir = await scratch();
      const files = await written(dir.path, { ...settings, confDir: join(dir.path, "conf") });
      expect(await analyze("verify", ...files)).toEqual({ exit: 0, stdout: "", stderr: "" });
    });

    test(`systemd-analyze measures an exposure of ${most} at most for the services of ${name}`, async () => {
      await using dir = await scratch();
      const files = await written(dir.path, { ...settings, confDir: join(dir.path, "conf") });
      for (const file of files.filter((path) => path.endsWith(".service"))) {
        expect(await exposureOf(file)).toBeLessThanOrEqual(file.includes("failed") ? 2 : most);
      }
    });
  }

  test("systemd-analyze finds no fault in paths with characters that are special to systemd", async () => {
    await using dir = await scratch();
    const odd = { confDir: join(dir.path, "a %n $HOME;é"), stateDir: join(dir.path, 'b %u "c" \\d') };
    const credential = join(dir.path, "e %t f");
    const files = await written(dir.path, { ...backup, ...odd, credential });
    expect(await analyze("verify", ...files)).toEqual({ exit: 0, stdout: "", stderr: "" });
  });

  test("systemd reads the timer's times as the user means them", async () => {
    const [, calendar = ""] =
      /^OnCalendar=(.*)$/m.exec(textOf({ ...backup, window: parseWindow("9:05", "90min") }, ".timer")) ?? [];
    expect((await analyze("calendar", calendar)).stdout).toContain("Normalized form: *-*-* 09:05:00");
    const [, delay = ""] =
      /^RandomizedDelaySec=(.*)$/m.exec(textOf({ ...backup, window: parseWindow("9:05", "90min") }, ".timer")) ?? [];
    expect((await analyze("timespan", delay)).stdout).toContain("Human: 1h 30min");
  });

  test("systemd-analyze measures what docs/systemd.md says", async () => {
    await using dir = await scratch();
    const rows: string[] = [];
    for (const [name, , settings] of variants) {
      const folder = join(dir.path, name);
      await mkdir(folder);
      const [service = "", , failed = ""] = await written(folder, { ...settings, confDir: join(folder, "conf") });
      rows.push(`| ${name} | ${(await exposureOf(service)).toFixed(1)} |`);
      if (settings === variants.at(-1)?.[2]) rows.push(`| the hook | ${(await exposureOf(failed)).toFixed(1)} |`);
    }
    const page = await readFile(join(import.meta.dir, "../../../docs/systemd.md"), "utf8");
    const table = page.split("\n").filter((line) => /^\| .* \| +\d\.\d +\|$/.test(line));
    expect(table.map((line) => line.replaceAll(/ +/g, " "))).toEqual(rows);
  });
});

/** The exposure of a unit, from 0 to 10. */
async function exposureOf(file: string): Promise<number> {
  const report = await run(["systemd-analyze", "security", "--offline=true", "--no-pager", file]);
  const [, exposure] = /Overall exposure level for .*: ([\d.]+) /.exec(report) ?? [];
  return Number(exposure);
}

describe("units", () => {
  test("units have the default names of their role, and one hook", () => {
    const names = variants.map(([, , settings]) => renderUnits(settings).map(({ name }) => name));
    const hook = "sysbackup-failed@.service";
    expect(names).toEqual([
      ["sysbackup-archive.service", "sysbackup-archive.timer", hook],
      ["sysbackup-archive.service", "sysbackup-archive.timer", hook],
      ["sysbackup-verify.service", "sysbackup-verify.timer", hook],
      ["sysbackup-read.service", "sysbackup-read.timer", hook],
      ["sysbackup-prune.service", "sysbackup-prune.timer", hook],
    ]);
  });

  test("units have no placeholder left, and no two empty lines in a row", () => {
    for (const [, , settings] of variants) {
      for (const { text } of renderUnits(settings)) {
        expect(text).not.toContain("{{");
        expect(text).not.toContain("\n\n\n");
      }
    }
  });

  test("units take the given name, also in references to each other", () => {
    const settings = { ...backup, unit: "nightly" };
    expect(renderUnits(settings).map(({ name }) => name)).toContain("nightly.timer");
    expect(textOf(settings, ".timer")).toContain("Start nightly.service every day");
  });

  test("units run the program with its words before the subcommand", () => {
    const program = ["/usr/bin/bun", "/opt/sys backup/main.ts", "--$cost=100%", 'a"b\\c'];
    expect(textOf({ ...backup, program }, ".service")).toContain(
      'ExecStart=/usr/bin/bun "/opt/sys backup/main.ts" "--$$cost=100%%" "a\\"b\\\\c" archive --conf-dir /etc/backup\n',
    );
  });

  test("units let systemd make the default state folder, and may write to another", () => {
    expect(textOf(backup, ".service")).toContain("\nCacheDirectory=backup\n");
    const other = textOf({ ...backup, stateDir: "/var/lib/state" }, ".service");
    expect(other).toContain("\nReadWritePaths=/var/lib/state\n");
    expect(other).not.toContain("CacheDirectory");
  });

  test("units load a credential only if there is one", () => {
    expect(textOf(backup, ".service")).not.toContain("LoadCredential");
    const credential = "/etc/credstore.encrypted/x.aws_credentials";
    expect(textOf({ ...backup, credential }, ".service")).toContain(
      `\nLoadCredentialEncrypted=aws_credentials:${credential}\n`,
    );
  });

  test("units have no capability unless they read files of others", () => {
    const sets = variants.map(
      ([, , settings]) => /^CapabilityBoundingSet=(.*)$/m.exec(textOf(settings, ".service"))?.[1],
    );
    expect(sets).toEqual(["CAP_DAC_READ_SEARCH", "CAP_DAC_READ_SEARCH CAP_SETUID CAP_SETGID CAP_KILL", "", "", ""]);
  });

  const unfit: readonly (readonly [name: string, differing: Partial<UnitSettings>, why: string])[] = [
    ["a line break in a path", { confDir: "/etc/a\nUser=root" }, "line break"],
    ["a line break in a word of the program", { program: ["/usr/bin/bun", "a\nb"] }, "line break"],
    ["a carriage return in the state folder", { stateDir: "/var/a\rb" }, "line break"],
    ["a line break in the path of the credential", { credential: "/a\nb" }, "line break"],
    ["a relative path", { confDir: "backup" }, "not an absolute path"],
    ["a relative program", { program: ["sysbackup"] }, "not an absolute path"],
    ["no program", { program: [] }, "not an absolute path"],
    ["a quote in the program's path", { program: ["/opt/it's/sysbackup"] }, "a quote or a backslash"],
    ["a quote in the path of the hook", { confDir: '/etc/"a"' }, "a quote or a backslash"],
    ["root for verify", { role: "audit", serviceUser: "root" }, "only archive may need it"],
    ["root for prune", { role: "steward", serviceUser: "root" }, "only archive may need it"],
  ];
  for (const [name, differing, why] of unfit) {
    test(`units refuse ${name}`, () => {
      expect(() => renderUnits({ ...backup, ...differing })).toThrow(why);
    });
  }
});
