/** Repeats `fresh-machine.test.ts` with real roles, which are refused what they may not do. Without accounts and exports, which Ceph does not have. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exitStatus } from "../../core/failure.ts";
import { createRole, putRolePolicy } from "../core/bucket/ceph-role.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { onTerminal } from "../support/pty.ts";
import { type CephAddress, ceph, has, newBucket } from "../support/services.ts";

type Rights = { readonly objects: readonly string[]; readonly bucket: readonly string[] };

const restoreRights: Rights = {
  objects: ["s3:GetObject", "s3:GetObjectVersion"],
  bucket: ["s3:ListBucket", "s3:ListBucketVersions"],
};

/** A role of a package, as the template names it. */
async function roleOf(service: CephAddress, name: string, bucket: string, rights: Rights): Promise<void> {
  const trusted = { AWS: ["arn:aws:iam:::user/tester"] };
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: trusted, Action: ["sts:AssumeRole"] }],
  };
  const place = { name: `${name}-restore`, path: `/systems/${name}/` };
  await createRole(service, place, trust);
  const arn = `arn:aws:s3:::${bucket}`;
  const Statement = [
    { Effect: "Allow", Action: rights.objects, Resource: `${arn}/*` },
    { Effect: "Allow", Action: rights.bucket, Resource: arn },
  ];
  await putRolePolicy(service, place, { Version: "2012-10-17", Statement });
}

const freshEnv = ({ endpoint, region, accessKey, secretKey }: CephAddress, home: string) => ({
  AWS_ACCESS_KEY_ID: accessKey,
  AWS_SECRET_ACCESS_KEY: secretKey,
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: region,
  PATH: process.env.PATH ?? "",
  HOME: home,
  TERM: "dumb",
});

test.skipIf(!ceph || !has("python3"))(
  "the restore role alone can list names and backups, and restore everything",
  async () => {
    if (!ceph) return;
    await using dir = await scratch();
    const bucket = await newBucket(ceph, { lock: true });
    const env = freshEnv(ceph, dir.path);
    const file = join(dir.path, "precious");
    for (const name of ["mail", "web1", "web1"]) {
      await Bun.write(file, `of ${name}\n`);
      const { endpoint, region } = ceph;
      const sections = { s3: { bucket, endpoint, region }, backup: { name, state_dir: join(dir.path, name) } };
      const { conf } = await writeConf(join(dir.path, `of-${name}`), { sections, pickers: { one: `echo '${file}'` } });
      expect(await sysbackup(["archive", "--conf-dir", conf], { env })).toMatchObject({ exit: 0 });
      // Names of backups have the second in them, and what is chosen is to be the newer.
      await Bun.sleep(1_000);
    }
    const name = `office${randomUUID().slice(0, 8)}`;
    await roleOf(ceph, name, bucket, restoreRights);
    const access = ["--conf-dir", join(dir.path, "none"), "--bucket", bucket, "--package-name", name, "--account="];

    const target = join(dir.path, "target");
    const answers = [
      { when: "Whose backups? [1-2, q to quit]", type: "3" },
      { when: "Please answer with one of these", type: "2" },
      { when: "Which backup? [1-2, q to quit]", type: "1" },
    ];
    const { shown, exit } = await onTerminal(["restore", ...access, "--target", target], { env, answers });
    expect(exit).toBe(0);
    expect(await readFile(join(target, file), "utf8")).toBe("of web1\n");
    expect(shown).toMatch(/^ +name +backups +newest\r\n1 +mail +1 +20.*\r\n2 +web1 +2 +20/m);
    const [newer = "", older = ""] = [...shown.matchAll(/^\d +web1 +(20\S+ [\d:]+) UTC/gm)].map(([, time]) => time);
    expect(newer > older).toBe(true);
    expect(shown).toContain(`restored web1 of ${newer} UTC`);

    const quit = await onTerminal(["restore", ...access], { env, answers: [{ when: "Whose backups?", type: "q" }] });
    expect(quit.exit).toBe(0);
    expect(quit.shown).not.toContain("restored");

    const prune = await sysbackup(["prune", "--keep-last", "1", ...access], { env });
    expect(prune.exit).toBe(exitStatus.failed);
    expect(prune.stderr).toContain(`cannot assume the role "arn:aws:iam:::role/systems/${name}/${name}-steward"`);
    expect(prune.stderr).toContain(`add your user to the group ${name}-steward-users`);
  },
);

test.skipIf(!ceph)("a role that may not read is refused by the server, not by us", async () => {
  if (!ceph) return;
  await using dir = await scratch();
  const bucket = await newBucket(ceph, { lock: true });
  const name = `office${randomUUID().slice(0, 8)}`;
  await roleOf(ceph, name, bucket, { ...restoreRights, bucket: ["s3:ListBucket"] });
  const words = ["list", "--conf-dir", dir.path, "--bucket", bucket, "--package-name", name, "--account="];
  const { exit, stderr } = await sysbackup(words, { env: freshEnv(ceph, dir.path) });
  expect(exit).toBe(exitStatus.failed);
  expect(stderr).toContain("access denied");
  expect(stderr).toContain("s3:ListBucketVersions");
});
