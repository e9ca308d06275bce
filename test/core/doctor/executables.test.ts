/** Checks of the executables: whether they run, and who may change them. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findRunner } from "../../../core/doctor/runner.ts";
import { userId } from "../../../core/system/owners.ts";
import { isRoot } from "../../support/services.ts";
import { patient } from "./patient.ts";

const asBackup = { runner: async () => findRunner(new Map([["User", "backup"]])) };
const canBeBackup = isRoot && userId("backup") !== undefined;

describe("pickers and snapshotters", () => {
  test("good pickers and snapshotters are named; README and leftovers do not count", async () => {
    await using well = await patient({ pickers: { etc: "echo /etc", home: "#!/usr/bin/env -S sh -e\n" } });
    await writeFile(join(well.conf, "pickers.d/README"), "");
    await writeFile(join(well.conf, "pickers.d/etc~"), "");
    expect(await well.examine("pickers")).toEqual([{ check: "pickers", state: "good", text: "etc, home" }]);
    expect(await well.examine("snapshotters")).toEqual([{ check: "snapshotters", state: "good", text: "none" }]);
  });

  test("neither pickers nor snapshotters is bad", async () => {
    await using ill = await patient({ pickers: {} });
    expect(await ill.examine("pickers")).toMatchObject([
      { state: "bad", remedy: expect.stringContaining("pickers.d") },
    ]);
  });

  test("snapshotters without pickers are a note", async () => {
    await using one = await patient({ pickers: {}, snapshotters: { db: "echo x >&$1" } });
    expect(await one.examine("pickers")).toMatchObject([{ state: "note" }]);
    expect(await one.examine("snapshotters")).toMatchObject([{ state: "good", text: "db" }]);
  });

  test.each(["picker", "snapshotter"] as const)(
    "doctor sends who has no folder for a %s to the page about it",
    async (kind) => {
      await using one = await patient();
      await rm(join(one.conf, kind === "picker" ? "pickers.d" : "snapshots.d"), { recursive: true, force: true });
      const [finding] = await one.examine(`${kind}s`);
      expect(finding).toMatchObject({ state: "note", remedy: `see docs/${kind}s.md` });
    },
  );

  test("a picker that is switched off by its mode is noted, and that nothing is left to archive is bad", async () => {
    await using ill = await patient();
    const path = join(ill.conf, "pickers.d/etc");
    await chmod(path, 0o644);
    const [finding, ...others] = await ill.examine("pickers");
    expect(finding).toMatchObject({ state: "note", remedy: "chmod +x switches it on" });
    expect(finding?.text).toContain(`picker "${path}" is switched off`);
    expect(others).toMatchObject([{ state: "bad" }]);
  });

  test("an executable that everybody can change is bad", async () => {
    await using ill = await patient();
    await chmod(join(ill.conf, "pickers.d/etc"), 0o757);
    expect(await ill.examine("pickers")).toMatchObject([
      { state: "bad", text: expect.stringContaining('/etc" can be changed by every user') },
    ]);
  });

  test.skipIf(!isRoot)("an executable that a group can change is bad, unless it is root's group", async () => {
    await using ill = await patient();
    const path = join(ill.conf, "pickers.d/etc");
    await chmod(path, 0o775);
    expect(await ill.examine("pickers")).toMatchObject([{ state: "good" }]);
    await chown(path, 0, 34);
    expect(await ill.examine("pickers")).toMatchObject([
      { state: "bad", text: expect.stringContaining('/etc" can be changed by the group 34') },
    ]);
  });

  test("a folder that everybody can change is bad", async () => {
    await using ill = await patient({ snapshotters: { db: "echo x >&$1" } });
    await chmod(join(ill.conf, "snapshots.d"), 0o777);
    expect(await ill.examine("snapshotters")).toMatchObject([
      { state: "bad", text: expect.stringContaining('/snapshots.d" can be changed by every user') },
    ]);
  });

  test.skipIf(!isRoot)("an executable of another user is bad; one of the service's user is not", async () => {
    await using ill = await patient();
    const path = join(ill.conf, "pickers.d/etc");
    await chown(path, 65534, 65534);
    const text = `"${path}" belongs to nobody, who can thereby use the rights of root`;
    expect(await ill.examine("pickers")).toMatchObject([{ state: "bad", text }]);
    const runner = async () => findRunner(new Map([["User", "nobody"]]));
    expect(await ill.examine("pickers", { runner })).toMatchObject([{ state: "good" }]);
  });

  test.skipIf(!canBeBackup)("an executable that root may run, but not the service, is bad", async () => {
    await using ill = await patient();
    await chmod(join(ill.conf, "pickers.d/etc"), 0o744);
    expect(await ill.examine("pickers")).toMatchObject([{ state: "good" }]);
    expect(await ill.examine("pickers", asBackup)).toMatchObject([
      { state: "bad", text: expect.stringContaining("cannot be executed by backup") },
    ]);
    await chmod(join(ill.conf, "pickers.d/etc"), 0o750);
    await chown(join(ill.conf, "pickers.d/etc"), 0, 34);
    expect(await ill.examine("pickers", asBackup)).toMatchObject([{ state: "good" }]);
  });

  const interpreters = [
    ["an interpreter that is not there", "#!/usr/bin/pyhton3 -I\n", '"/usr/bin/pyhton3"', "install it"],
    ["line ends of Windows", "#!/bin/sh\r\necho /etc\r\n", '"/bin/sh\\r"', "Unix line ends"],
    ["a program that env does not find", "#!/usr/bin/env pyhton3\n", '"pyhton3"', "install it"],
    ["a folder as interpreter", "#!/bin\n", '"/bin"', "install it"],
  ] as const;
  test.each(interpreters)("%s is bad", async (_name, text, missing, remedy) => {
    await using ill = await patient({ pickers: { etc: text } });
    expect(await ill.examine("pickers")).toMatchObject([
      { state: "bad", text: expect.stringContaining(`needs ${missing}`), remedy: expect.stringContaining(remedy) },
    ]);
  });

  test("a link to nothing is a warning", async () => {
    await using ill = await patient();
    await symlink("/nowhere", join(ill.conf, "pickers.d/gone"));
    expect(await ill.examine("pickers")).toMatchObject([
      { state: "warning", text: expect.stringContaining("it is a link to nothing") },
    ]);
  });

  test("executables are not checked if the role does not archive", async () => {
    const role = "arn:aws:iam::123456789012:role/systems/sysbackup/sysbackup-audit";
    await using one = await patient({ pickers: {}, sections: { aws: { role_arn: role } } });
    expect(await one.examine("pickers")).toMatchObject([
      { state: "note", text: "not needed: a machine with the audit role does not archive" },
    ]);
    expect(await one.machine.unitName()).toBe("sysbackup-verify");
  });
});
