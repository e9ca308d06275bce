/** Checks that look at this machine alone: the configuration, the user, and what happens if a check fails. */
import { describe, expect, test } from "bun:test";
import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { examine } from "../../../core/doctor/examine.ts";
import type { DoctorFinding } from "../../../core/doctor/finding.ts";
import { findRunner } from "../../../core/doctor/runner.ts";
import { userId } from "../../../core/system/owners.ts";
import { isRoot } from "../../support/services.ts";
import { patient } from "./patient.ts";

const asBackup = { runner: async () => findRunner(new Map([["User", "backup"]])) };
const canBeBackup = isRoot && userId("backup") !== undefined;

describe("config", () => {
  test("a readable conf is good", async () => {
    await using well = await patient();
    const text = `"${well.conf}/conf" read: backup name test, bucket ${well.bucketUrl}`;
    expect(await well.examine("config")).toEqual([{ check: "config", state: "good", text }]);
  });

  test("a conf with a wrong key is bad, and what needs it is not checked", async () => {
    await using ill = await patient({ sections: { content: { days_retaned: 3 } } });
    const findings = await ill.examine();
    expect(findings[0]).toMatchObject({ check: "config", state: "bad" });
    expect(findings[0]?.text).toContain('there is no key "days_retaned" in [content]');
    for (const check of ["key file", "role", "bucket", "clock", "disk", "state", "last backup"]) {
      const of = findings.filter((finding) => finding.check === check);
      expect(of).toEqual([{ check, state: "note", text: "not checked: no config" }]);
    }
    expect(findings.find(({ check }) => check === "pickers")?.state).toBe("good");
  });

  test("a missing conf is bad", async () => {
    await using ill = await patient();
    await rm(join(ill.conf, "conf"));
    expect(await ill.examine("config")).toMatchObject([{ state: "bad", remedy: expect.stringContaining("create it") }]);
  });

  test("a conf that everybody can change or replace is bad", async () => {
    await using folder = await patient();
    await chmod(folder.conf, 0o777);
    expect(await folder.examine("config")).toMatchObject([
      { state: "bad", text: expect.stringContaining(`"${folder.conf}" can be changed by every user`) },
    ]);
    await using file = await patient();
    await chmod(join(file.conf, "conf"), 0o666);
    expect(await file.examine("config")).toMatchObject([
      { state: "bad", text: expect.stringContaining(`"${file.conf}/conf" can be changed by every user`) },
    ]);
  });

  test.skipIf(!canBeBackup)("a conf that the service cannot read is bad", async () => {
    await using ill = await patient();
    await chmod(join(ill.conf, "conf"), 0o600);
    expect(await ill.examine("config", asBackup)).toMatchObject([
      { state: "bad", text: `"${ill.conf}/conf" cannot be read by backup` },
    ]);
    const readsAll = async () => ({ ...(await asBackup.runner()), readsAll: true });
    expect(await ill.examine("config", { runner: readsAll })).toMatchObject([{ state: "good" }]);
  });
});

describe("one check that fails", () => {
  test("a failed check is its own finding, and the others go on", async () => {
    await using ill = await patient();
    const runner = () => Promise.reject(new TypeError("x is not a function"));
    const findings = await ill.examine(undefined, { runner });
    expect(findings.find(({ check }) => check === "user")).toMatchObject({
      state: "bad",
      text: "the check failed: x is not a function",
    });
    expect(findings.at(-1)?.check).toBe("last backup");
    expect(findings.find(({ check }) => check === "bucket")?.state).toBe("good");
  });
});

test("an interrupt ends the checks, and is not a finding", async () => {
  await using one = await patient();
  const controller = new AbortController();
  const reported: DoctorFinding[] = [];
  const answer = () => {
    controller.abort(new Error("interrupted"));
    return Promise.reject(new Error("interrupted"));
  };
  const ended = examine({ ...one.machine, bucket: answer }, (finding) => reported.push(finding), controller.signal);
  expect(await ended.catch((error: unknown) => error)).toMatchObject({ message: "interrupted" });
  expect(reported.at(-1)?.check).toBe("role");
});

describe("user", () => {
  test("without a service, the user is that of doctor", async () => {
    await using well = await patient();
    expect(await well.examine("user", { service: async () => undefined })).toMatchObject([{ state: "note" }]);
  });

  test("a missing user is bad", async () => {
    await using ill = await patient();
    const service = async () => new Map([["User", "nobody-of-that-name"]]);
    expect(await ill.examine("user", { runner: async () => findRunner(await service()) })).toMatchObject([
      { state: "bad", text: 'cannot find the user of the service "nobody-of-that-name": there is no such user' },
    ]);
  });

  test("a user whose rights cannot be tested is only named", async () => {
    await using one = await patient();
    const runner = async () => ({ name: "backup", uid: 34, readsAll: false, may: undefined });
    expect(await one.examine("user", { runner, service: async () => new Map() })).toMatchObject([
      { state: "note", remedy: "run doctor as root or backup" },
    ]);
  });
});
