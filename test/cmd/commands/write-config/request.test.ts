import { describe, expect, test } from "bun:test";
import { parseArguments } from "../../../../cmd/arguments.ts";
import type { WriteConfigArgs } from "../../../../cmd/commands/write-config/arguments.ts";
import { requestOf } from "../../../../cmd/commands/write-config/request.ts";
import { subcommands } from "../../../../cmd/subcommands.ts";
import { exitStatus, Failure } from "../../../../core/failure.ts";

const place = { folder: "/home/me", program: ["/usr/local/bin/sysbackup"] };

const plain: WriteConfigArgs = {
  confDir: "/etc/backup",
  package: "sysbackup",
  user: undefined,
  credsFile: undefined,
  noCredsFile: false,
  ambient: false,
  profile: undefined,
  role: "backup",
  retainDays: undefined,
  unit: undefined,
  window: { start: "2:00", length: "1h" },
  serviceUser: "backup",
  start: true,
  disableOldTimer: false,
  region: undefined,
  dryRun: false,
};

const sourceOf = (args: Partial<WriteConfigArgs>) => requestOf({ ...plain, ...args }, place).source;

function refusal(args: Partial<WriteConfigArgs>): string {
  try {
    requestOf({ ...plain, ...args }, place);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.exit).toBe(exitStatus.usage);
    return error.message;
  }
  throw new Error("was accepted");
}

describe("where the credentials come from", () => {
  test("--user gives a user, with a named copy, the default one, or none", () => {
    expect(sourceOf({ user: "web", credsFile: "/c.age" })).toEqual({
      kind: "user",
      name: "web",
      copy: { path: "/c.age" },
    });
    expect(sourceOf({ user: "web" })).toEqual({ kind: "user", name: "web", copy: { folder: "/home/me" } });
    expect(sourceOf({ user: "web", noCredsFile: true })).toEqual({ kind: "user", name: "web", copy: undefined });
  });
  test("--creds-file alone gives the copy of another machine", () => {
    expect(sourceOf({ credsFile: "/c.cpt" })).toEqual({ kind: "copy", path: "/c.cpt" });
  });
  test("--no-creds-file writes no copy, also if --creds-file names one, as for s3-sysbackup", () => {
    const both = { credsFile: "/c.age", noCredsFile: true };
    expect(sourceOf({ user: "web", ...both })).toEqual({ kind: "user", name: "web", copy: undefined });
    expect(sourceOf(both)).toEqual({ kind: "copy", path: "/c.age" });
  });
  test("--ambient-creds takes a profile", () => {
    expect(requestOf({ ...plain, ambient: true, profile: "p" }, place)).toMatchObject({
      source: { kind: "ambient" },
      profile: "p",
    });
  });
  test("--ambient-creds gives the machine's own credentials", () => {
    expect(sourceOf({ ambient: true })).toEqual({ kind: "ambient" });
  });
});

describe("refused", () => {
  const cases: readonly (readonly [name: string, args: Partial<WriteConfigArgs>, message: string])[] = [
    ["no way", {}, "no option says where this machine's credentials come from; give --user NAME, or --creds-file"],
    ["no user and no copy", { noCredsFile: true }, "no option says where this machine's credentials come from"],
    ["ambient and a user", { ambient: true, user: "web" }, "cannot use --ambient-creds: it cannot be used with --user"],
    ["ambient and a copy", { ambient: true, credsFile: "/c" }, "it cannot be used with --creds-file"],
    ["a user called root", { user: "root" }, "for a service that runs as root, give --service-user root"],
    ["a user's name with a slash", { user: "a/b" }, 'cannot use --user "a/b": it is not an IAM user name'],
    ["a profile with a bracket", { user: "web", profile: "a]b" }, "it is not a section name"],
    ["days that are none", { user: "web", retainDays: "0" }, "give a whole number from 1 to 36500"],
    ["days with a sign", { user: "web", retainDays: "+5" }, "give a whole number from 1 to 36500"],
    ["the restore role", { user: "web", role: "restore" }, "give backup, audit, reader or steward"],
    ["another service user", { user: "web", serviceUser: "me" }, "give backup or root"],
    ["root for audit", { user: "web", serviceUser: "root", role: "audit" }, "only the role backup may need it"],
    ["a unit with its suffix", { user: "web", unit: "x.timer" }, "--systemd-unit"],
    ["a window of more than a day", { user: "web", window: { start: "2:00", length: "25h" } }, "--bkpwin-length"],
  ];
  test.each(cases)("refused: %s", (_, args, message) => {
    expect(refusal(args)).toContain(message);
  });
});

test("units have the default name of the role", () => {
  const units = (role: string) => requestOf({ ...plain, ambient: true, role }, place).units.unit;
  expect(["backup", "audit", "steward"].map(units)).toEqual([
    "sysbackup-archive",
    "sysbackup-verify",
    "sysbackup-prune",
  ]);
});

test("--no-creds-file and --no-start are read from the command line as they are", async () => {
  const request = parseArguments(["write-config", "--user", "web", "--no-creds-file", "--no-start"], subcommands);
  if (request.kind !== "run") throw new Error(request.kind);
  const { words } = request;
  const given = ["no-creds-file", "no-start", "ambient-creds", "creds-file", "dry-run"].filter((name) =>
    words.given(name),
  );
  expect(given).toEqual(["no-creds-file", "no-start"]);
  expect(words.value("creds-file")).toBeUndefined();
});
