/**
 * `bun run bench`: how fast and how large sysbackup is against tools that everybody knows, on the same files in the
 * same minutes. Absolute times are this machine's; the ratios are what to look at.
 *
 * Everything lies on tmpfs, since disks vary more than programs. Rounds run A B C … A B C …, so that a slow minute hits all;
 * each figure is the median of its rounds.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CephAddress, ceph, newBucket } from "../support/services.ts";
import { measure } from "./measure.ts";
import { printReport, type Row } from "./report.ts";

const sources = ["/usr/share", "/usr/lib/python3"];
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const program = [process.execPath, join(import.meta.dir, "../../cmd/main.ts")];
/** As the first line of `cmd/main.ts` and the systemd units set it. */
const programEnv = { BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "1000000" };

type Contender = {
  readonly name: string;
  /** Brings things to where the measured commands start. */
  prepare(): Promise<void>;
  readonly first: readonly string[];
  readonly again: readonly string[];
  readonly restore: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

const root = await mkdtemp(join(await onTmpfs(), "sysbackup-bench-"));
const data = join(root, "data");
const target = join(root, "target");
try {
  await mkdir(data);
  for (const source of sources) await measure(["cp", "-a", source, data]);
  await settle();
  const contenders = [tarAndFind(), ...(await all())];
  const rows = new Map(contenders.map(({ name }) => [name, { first: [], again: [], restore: [] } as Row["figures"]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) await runRound(contender, rows);
  }
  await printReport(
    data,
    rounds,
    [...rows].map(([name, figures]) => ({ name, figures })),
  );
} finally {
  await rm(root, { recursive: true, force: true });
}

async function runRound({ name, prepare, first, again, restore, env }: Contender, rows: Map<string, Row["figures"]>) {
  const figures = rows.get(name);
  if (figures === undefined) return;
  await prepare();
  figures.first.push(await measure(first, env));
  figures.again.push(await measure(again, env));
  await emptied(target);
  figures.restore.push(await measure(restore, env));
  await emptied(target);
}

/** A file changed moments ago is read again by the next run, as its timestamps cannot tell: the copies get older first. */
async function settle(): Promise<void> {
  await Bun.sleep(3_000);
}

function tarAndFind(): Contender {
  const archive = join(root, "tar.zst");
  return {
    name: "tar and zstd -3 -T2; find -ls; zstd -d and tar x",
    prepare: () => rm(archive, { force: true }),
    first: shell(`tar -C ${data} -cf - . | zstd -q -3 -T2 -o ${archive}`),
    again: shell(`find ${data} -ls > /dev/null`),
    restore: shell(`zstd -q -dc ${archive} | tar -C ${target} -xf -`),
  };
}

/** Ceph's rows where `bun test/support/services/start.ts` runs and its variables are exported; restic's where it is installed. */
async function all(): Promise<Contender[]> {
  const hasRestic = Bun.which("restic") !== null;
  return [
    await sysbackup("directory", "packs"),
    ...(hasRestic ? [restic("directory")] : []),
    ...(ceph === undefined ? [] : [await sysbackup("Ceph", "packs")]),
    ...(ceph === undefined || !hasRestic ? [] : [restic("Ceph")]),
  ];
}

type Place = "directory" | "Ceph";

async function sysbackup(place: Place, layout: "packs" | "objects"): Promise<Contender> {
  const home = join(root, `sysbackup-${place}-${layout}`);
  const folders = { bucket: join(home, "bucket"), state: join(home, "state"), conf: join(home, "conf") };
  const { bucket, state, conf } = folders;
  await mkdir(join(conf, "pickers.d"), { recursive: true });
  await writeFile(join(conf, "pickers.d/all"), `#!/bin/sh\nexec find ${data}\n`, { mode: 0o755 });
  const rest = `[backup]\nname = bench\nstate_dir = ${state}\n[content]\nlayout = ${layout}\n`;
  return {
    name: `sysbackup, ${place}, ${layout}`,
    async prepare() {
      for (const folder of [bucket, state]) await emptied(folder);
      await writeFile(join(conf, "conf"), `${await s3Section(place, bucket)}${rest}`);
    },
    first: [...program, "archive", "--conf-dir", conf, "--json"],
    again: [...program, "archive", "--conf-dir", conf, "--json"],
    restore: [...program, "restore", "bench", "--conf-dir", conf, "--target", target, "--json"],
    env: { ...programEnv, ...(ceph !== undefined && awsKeys(ceph)) },
  };
}

async function s3Section(place: Place, folder: string): Promise<string> {
  if (place === "directory" || ceph === undefined) return `[s3]\nbucket = file://${folder}\n`;
  const bucket = await newBucket(ceph, { lock: true });
  return `[s3]\nbucket = ${bucket}\nendpoint = ${ceph.endpoint}\nregion = ${ceph.region}\n`;
}

function awsKeys({ accessKey, secretKey }: CephAddress) {
  return { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
}

function restic(place: Place): Contender {
  const env: Record<string, string> = {
    RESTIC_PASSWORD: "bench",
    RESTIC_CACHE_DIR: join(root, "restic-cache"),
    ...(ceph !== undefined && awsKeys(ceph)),
  };
  return {
    name: `restic, ${place}`,
    async prepare() {
      const folder = join(root, "restic");
      await rm(folder, { recursive: true, force: true });
      await rm(join(root, "restic-cache"), { recursive: true, force: true });
      env.RESTIC_REPOSITORY =
        place === "Ceph" && ceph !== undefined
          ? `s3:${ceph.endpoint}/${await newBucket(ceph, { lock: false })}`
          : folder;
      await measure(["restic", "init", "-q"], env);
    },
    first: ["restic", "backup", "-q", data],
    again: ["restic", "backup", "-q", data],
    restore: ["restic", "restore", "-q", "latest", "--target", target],
    env,
  };
}

function shell(script: string): string[] {
  return ["sh", "-c", script];
}

async function emptied(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

async function onTmpfs(): Promise<string> {
  return (await Bun.file("/proc/mounts").text()).includes(" /dev/shm tmpfs ") ? "/dev/shm" : tmpdir();
}
