/**
 * A Ceph object gateway: S3 that enforces Object Lock and versions, with STS AssumeRole and role policies.
 * One monitor, one in-memory OSD and one gateway, all from one scratch folder, on loopback ports of their own.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CephAddress } from "./address.ts";
import { Daemons, type Start, type Started } from "./daemons.ts";
import { freePort } from "./port.ts";

const tools = ["ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin", "setpriv"];

type Ports = { readonly monitor: number; readonly gateway: number };

/** What the store may hold; memory is taken only as it fills. Nearly full, it would stop without a word. */
const storeBytes = 64 * 1024 ** 3;

export async function startCeph(start: Pick<Start, "folder" | "signal">): Promise<Started<CephAddress>> {
  const lacking = tools.filter((tool) => Bun.which(tool) === null);
  if (lacking.length > 0) throw new Error(`${lacking.join(", ")} not installed`);
  return Daemons.start({ name: "ceph", seconds: 90, ...start }, async (daemons) => {
    const ports = { monitor: await freePort(), gateway: await freePort() };
    const { folder } = daemons;
    const settings = { folder, fsid: randomUUID(), ports, requestLog: join(folder, "requests.jsonl") };
    await writeFile(join(folder, "ceph.conf"), configuration(settings));
    await writeFile(settings.requestLog, "");

    await startMonitor(daemons, settings);
    await startStore(daemons);
    const keys = await addUser(daemons);
    await daemons.daemon(["radosgw", ...conf(daemons), "-f", "-n", "client.rgw"]);
    await daemons.listening(ports.gateway);
    return {
      endpoint: `http://127.0.0.1:${ports.gateway}`,
      region: "default",
      ...keys,
      requestLog: settings.requestLog,
    };
  });
}

/**
 * `--no-mon-config`, because a program that first asks the monitor for its configuration forgets the cluster's id on
 * the way, and is turned away ("wrong fsid") when it is quicker than the monitor's next message.
 */
const conf = ({ folder }: Daemons) => ["--conf", join(folder, "ceph.conf"), "--no-mon-config"] as const;

async function startMonitor(daemons: Daemons, { folder, fsid, ports }: Settings): Promise<void> {
  const map = join(folder, "monmap");
  await daemons.run(["monmaptool", "--create", "--fsid", fsid, "--addv", "a", `[v1:127.0.0.1:${ports.monitor}]`, map]);
  await daemons.run(["ceph-mon", ...conf(daemons), "--mkfs", "-i", "a", "--monmap", map]);
  await daemons.daemon(["ceph-mon", ...conf(daemons), "-f", "-i", "a"]);
  await daemons.listening(ports.monitor);
}

/** The OSD makes itself known to the monitor and to the CRUSH map when it starts. */
async function startStore(daemons: Daemons): Promise<void> {
  await mkdir(join(daemons.folder, "osd"));
  await daemons.run(["ceph-osd", ...conf(daemons), "--mkfs", "-i", "0"]);
  await daemons.daemon(["ceph-osd", ...conf(daemons), "-f", "-i", "0"]);
}

const user = z.object({ keys: z.tuple([z.object({ access_key: z.string(), secret_key: z.string() })]) });

/** The keys are of Ceph's choice: given by us, they would show in the process list. */
async function addUser(daemons: Daemons): Promise<Pick<CephAddress, "accessKey" | "secretKey">> {
  // Each test makes buckets of its own, and nobody removes them: 0 is no limit, in place of a thousand.
  const identity = ["--uid=tester", "--display-name=Tester", "--caps=roles=*", "--max-buckets=0"];
  const answer = await daemons.run([
    "radosgw-admin",
    ...conf(daemons),
    "-n",
    "client.rgw",
    "user",
    "create",
    ...identity,
  ]);
  const [key] = user.parse(JSON.parse(answer)).keys;
  return { accessKey: key.access_key, secretKey: key.secret_key };
}

type Settings = { readonly folder: string; readonly fsid: string; readonly ports: Ports; readonly requestLog: string };

/** What otherwise gathers its log in memory, for a tenth of the processor's time. */
const quiet = [
  "asok",
  "auth",
  "bluestore",
  "crush",
  "filer",
  "filestore",
  "finisher",
  "journal",
  "memstore",
  "mon",
  "monc",
].concat([
  "ms",
  "none",
  "objclass",
  "objecter",
  "optracker",
  "osd",
  "paxos",
  "perfcounter",
  "rados",
  "rgw",
  "throttle",
  "timer",
  "tp",
]);

/**
 * The two intervals make starting, and each first use of a pool, a matter of milliseconds instead of seconds. What tests delete is
 * soon collected, instead of after hours: it takes memory.
 */
function configuration({ folder, fsid, ports, requestLog }: Settings): string {
  return `
[global]
fsid = ${fsid}
mon host = v1:127.0.0.1:${ports.monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
paxos propose interval = 0.05
objecter tick interval = 0.2
mon data avail warn = 1
mon data avail crit = 0
run dir = ${folder}
pid file = ${folder}/$name.pid
admin socket = ${folder}/$name.asok
log file = ${folder}/$name.log
mon cluster log file = ${folder}/cluster.log
crash dir = ${folder}
${quiet.map((part) => `debug ${part} = 0/0`).join("\n")}

[mon.a]
mon data = ${folder}/mon

[osd.0]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = ${storeBytes}
osd max object name len = 256
osd max object namespace len = 64

[client.rgw]
keyring = ${folder}/keyring
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${ports.gateway}
rgw s3 auth use sts = true
rgw sts key = ${randomBytes(8).toString("hex")}
rgw dynamic resharding = false
rgw gc obj min wait = 1
rgw gc processor period = 10
rgw enable ops log = true
rgw ops log rados = false
rgw ops log file path = ${requestLog}
`;
}
