/**
 * A machine that the real s3-sysbackup 0.2.0 has set up, in a mount namespace of its own: that program knows only `/etc/backup` and
 * `/var/cache/backup`. Stack and user are made on moto, by that program; its bucket and its role are then made on Ceph, with the rights of its template,
 * and `conf` is pointed there, before anything is backed up.
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { script } from "../../core/archive/scripts.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { programWords } from "../../support/program.ts";
import { run as command } from "../../support/services/command.ts";
import { type CephAddress, type MotoAddress, newBucket } from "../../support/services.ts";
import { type Right, roleWith } from "../roles.ts";

/** As the template of 0.2.0 gives them to its backup role. */
export const itsRights: readonly Right[] = [
  { action: "PutObject", keys: "*" },
  { action: "PutObjectRetention", keys: "*" },
  { action: "GetObjectRetention", keys: "content/*" },
  { action: "ListBucketVersions", prefix: "content/*" },
];

export type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string };

const folders = {
  etc: "/etc/backup",
  cache: "/var/cache/backup",
  units: "/etc/systemd/system",
  data: "/srv/data",
} as const;

/** `rights`: of its role on Ceph. */
export async function legacyMachine(ceph: CephAddress, moto: MotoAddress, rights: readonly Right[] = itsRights) {
  const dir = await scratch();
  const bucket = await newBucket(ceph, { lock: true });
  for (const folder of Object.keys(folders)) await mkdir(join(dir.path, folder));
  await mkdir(join(dir.path, "bin"));
  await command(["cp", "-a", "/etc", join(dir.path, "all-etc")]);
  // Nothing is booted in the namespace.
  await script(join(dir.path, "bin"), "systemctl", "exit 0");
  await script(join(dir.path, "bin"), "enter", enterScript(dir.path));
  const enter = join(dir.path, "bin/enter");

  async function run(words: readonly string[], env: Environment, stdin = ""): Promise<Ran> {
    const child = Bun.spawn(["unshare", "--mount", enter, ...words], {
      env: { PATH: process.env.PATH, HOME: dir.path, ...env },
      stdin: new Blob([stdin]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exit, stdout, stderr };
  }

  const keysOf = ({ accessKey, secretKey }: CephAddress | MotoAddress) => ({
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
  });
  const atCeph = { AWS_ENDPOINT_URL: ceph.endpoint, AWS_DEFAULT_REGION: ceph.region };
  const atMoto = { AWS_ENDPOINT_URL: moto.endpoint, AWS_DEFAULT_REGION: moto.region, ...keysOf(moto) };
  return {
    dir: dir.path,
    bucket,
    /** Both programs, as the machine's own units run them. */
    legacy: (...words: string[]) => run(["s3-sysbackup", ...words], atCeph),
    ours: (...words: string[]) => run([...programWords, ...words], atCeph),
    /** Ours, for somebody who may read and remove. */
    oursAsAdministrator: (...words: string[]) =>
      run([...programWords, ...words, "--conf-dir", join(dir.path, "none"), "--bucket", bucket], {
        ...atCeph,
        ...keysOf(ceph),
      }),
    legacyAtMoto: (words: readonly string[], stdin?: string) => run(["s3-sysbackup", ...words], atMoto, stdin),
    /** Points what the program wrote to Ceph. */
    async moveToCeph(): Promise<void> {
      const role = await roleWith(ceph, bucket, rights);
      const conf = join(dir.path, "etc/conf");
      // It writes a `conf` that it then cannot use, without this section.
      const text = `${await readFile(conf, "utf8")}\n[content]\nlock_timeout = 2\n`;
      await writeFile(
        conf,
        text.replace(/^role_arn = .*$/m, `role_arn = ${role}`).replace(/^bucket = .*$/m, `bucket = ${bucket}`),
      );
      const file = join(dir.path, "etc/aws_credentials");
      const keys = `aws_access_key_id = ${ceph.accessKey}\naws_secret_access_key = ${ceph.secretKey}\n`;
      await writeFile(file, `[default]\n${keys}`);
    },
    file: (...names: string[]) => join(dir.path, ...names),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

function enterScript(dir: string): string {
  const binds = Object.entries(folders).map(
    ([name, path]) => `mkdir -p ${path}; mount --bind '${dir}/${name}' ${path}`,
  );
  return [
    "set -eu",
    "mount --make-rprivate /",
    // Folders are made in these, and not on the machine that runs the tests.
    `mount --bind '${dir}/all-etc' /etc`,
    "for folder in /srv /var/cache; do mount -t tmpfs tmpfs $folder; done",
    ...binds,
    `mount --bind '${dir}/bin/systemctl' "$(command -v systemctl)"`,
    'exec "$@"',
  ].join("\n");
}
