/** Before the first backup of a bucket, its lock is proved: servers that take a lock, and keep none, get no backup. */
import { describe, expect, test } from "bun:test";
import { archive } from "../../../../core/archive/archive.ts";
import { type Bucket, BucketError, type LockState, type Retention } from "../../../../core/bucket/contract.ts";
import { noCounts } from "../../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { Failure } from "../../../../core/failure.ts";
import { classify } from "../../../../core/steward/versions.ts";
import { type Forward, faultProxy } from "../../../support/faults/proxy.ts";
import { ceph, newBucket } from "../../../support/services.ts";
import { openWithKeys } from "../../bucket/open-with-keys.ts";
import { Rig } from "../rig.ts";

const server: LockState = { objectLock: true, versioning: true, keptBy: "server" };
const refusal = (kind: BucketError["kind"]) => new BucketError(kind, { doing: "test", why: "a scripted refusal" });

/** The rig's bucket in the place of a server; `changed` are its lies. */
const asServer =
  (changed: Partial<Bucket> = {}) =>
  (bucket: Bucket): Bucket =>
    wrapBucket(bucket, { lockState: async () => server, ...changed });

type Refused = { readonly exit: number; readonly message: string };

async function failureOf(rig: Rig, around: (bucket: Bucket) => Bucket): Promise<Refused> {
  try {
    await archive(rig.job(() => {}, around(rig.bucket)));
  } catch (error) {
    if (error instanceof Failure) return { exit: error.exit, message: error.message };
    throw error;
  }
  return { exit: 0, message: "complete" };
}

const isProof = (key: string) => /^snapshots\/host\/\d{8}T\d{6}Z-lock-proof$/.test(key);

describe("a server that keeps its locks", () => {
  test("a lock is proved by one small object, which prune knows, and only before the first backup", async () => {
    await using rig = await Rig.make();
    await rig.write("file", "content");
    expect((await rig.run({ around: asServer() })).heard).toEqual([]);
    const proofs = (await rig.keys()).filter(isProof);
    expect(proofs).toHaveLength(1);
    const [proof = ""] = proofs;
    expect(classify(proof)).toEqual({ kind: "snapshot", name: "host" });
    const lock = (await rig.bucket.head(proof))?.retention;
    expect(lock?.mode).toBe("GOVERNANCE");
    expect(Number(lock?.until) - rig.now().getTime()).toBeLessThanOrEqual(60 * 60 * 1000 + 1000);

    const { counts } = await rig.run({ around: asServer() });
    expect(counts).toMatchObject({ head: 0, remove: 0 });
    expect((await rig.keys()).filter(isProof)).toEqual(proofs);
  });

  test("another lock mode is proved for itself", async () => {
    await using rig = await Rig.make();
    await rig.run({ around: asServer() });
    rig.ahead += 2_000;
    await rig.run({ around: asServer(), content: { lockMode: "COMPLIANCE" } });
    expect((await rig.keys()).filter(isProof)).toHaveLength(2);
  });

  test("a folder keeps its locks by this program, so nothing is stored to prove them", async () => {
    await using rig = await Rig.make();
    await rig.run();
    expect((await rig.keys()).filter(isProof)).toEqual([]);
  });

  test("a role that may not ask for the bucket's settings proves the lock by the object alone", async () => {
    await using rig = await Rig.make();
    const around = asServer({ lockState: () => Promise.reject(refusal("denied")) });
    expect((await rig.run({ around })).heard).toEqual([]);
    expect((await rig.keys()).filter(isProof)).toHaveLength(1);
  });

  test("a role that may not read locks is warned of in every run, until it may", async () => {
    await using rig = await Rig.make();
    const around = asServer({ retention: () => Promise.reject(refusal("denied")) });
    for (let run = 0; run < 2; run += 1) {
      const { heard } = await rig.run({ around });
      expect(heard).toEqual([expect.stringContaining("warning lock-not-proved: ")]);
      rig.ahead += 2_000;
    }
    expect((await rig.run({ around: asServer() })).heard).toEqual([]);
  });
});

const asked = (bucket: Bucket, alter: (lock: Retention) => Retention | undefined): Partial<Bucket> => ({
  retention: async (key, version) => {
    const lock = await bucket.retention(key, version);
    return lock && alter(lock);
  },
});

const lies: readonly (readonly [string, (bucket: Bucket) => Partial<Bucket>, string])[] = [
  ["has no lock on what was locked", (bucket) => asked(bucket, () => undefined), "is not locked"],
  ["locks in another mode", (bucket) => asked(bucket, ({ until }) => ({ mode: "COMPLIANCE", until })), "(COMPLIANCE)"],
  [
    "locks for a shorter time",
    (bucket) => asked(bucket, ({ mode, until }) => ({ mode, until: new Date(until.getTime() - 1000) })),
    "and is locked until",
  ],
  ["removes what it says is locked", () => ({ remove: async () => {} }), "could be removed"],
  [
    "does not know the request for a lock",
    () => ({ retention: () => Promise.reject(refusal("other")) }),
    "its lock cannot be read",
  ],
  [
    "does not know the request for the bucket's settings",
    () => ({ lockState: () => Promise.reject(refusal("other")) }),
    "whether it has Object Lock cannot be read",
  ],
  ["has no Object Lock", () => ({ lockState: async () => ({ ...server, objectLock: false }) }), "has no Object Lock"],
  ["keeps no versions", () => ({ lockState: async () => ({ ...server, versioning: false }) }), "keeps no versions"],
];

describe("a server that keeps no locks", () => {
  test.each(lies)("a server that %s gets no backup, twice", async (_name, lie, why) => {
    await using rig = await Rig.make();
    await rig.write("file", "content");
    for (let run = 0; run < 2; run += 1) {
      const failure = await failureOf(rig, (bucket) => asServer(lie(bucket))(bucket));
      expect(failure.exit).toBe(1);
      expect(failure.message).toContain(why);
      expect(failure.message).toContain("Object Lock");
      rig.ahead += 2_000;
    }
    expect((await rig.keys()).filter((key) => !isProof(key))).toEqual([]);
  });

  test("a removal that is answered by neither success nor refusal proves nothing", async () => {
    await using rig = await Rig.make();
    const remove = () => Promise.reject(refusal("other"));
    expect(await failureOf(rig, asServer({ remove }))).toMatchObject({
      exit: 1,
      message: expect.stringContaining("a scripted refusal"),
    });
    expect((await rig.keys()).filter((key) => !isProof(key))).toEqual([]);
  });
});

const noLockAnswer =
  '<?xml version="1.0"?><Error><Code>NoSuchObjectLockConfiguration</Code><Message>no lock</Message></Error>';

/** Servers, made of a real one by a proxy. */
const servers: Readonly<Record<string, (request: Request, forward: Forward) => Response | Promise<Response>>> = {
  "ignores lock headers": async (request, forward) => {
    if (new URL(request.url).searchParams.has("retention")) return new Response(noLockAnswer, { status: 404 });
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    const answer = await forward();
    for (const name of ["mode", "retain-until-date"]) answer.headers.delete(`x-amz-object-lock-${name}`);
    return answer;
  },
  "echoes lock headers to a HEAD, and has no retention": (request, forward) => {
    if (new URL(request.url).searchParams.has("retention")) return new Response(noLockAnswer, { status: 404 });
    return request.method === "DELETE" ? new Response(null, { status: 204 }) : forward();
  },
  "echoes the retention, and removes the version": (request, forward) =>
    request.method === "DELETE" ? new Response(null, { status: 204 }) : forward(),
};

describe.skipIf(!ceph)("at a Ceph gateway", () => {
  const gateway = ceph;
  if (gateway === undefined) return;
  const service = gateway;

  /** Archives into the bucket, by way of `endpoint`. */
  async function archived(rig: Rig, name: string, endpoint: string): Promise<Refused> {
    const bucket = await openWithKeys({ ...service, endpoint }, name);
    try {
      return await failureOf(rig, () => bucket);
    } finally {
      await bucket.close();
    }
  }

  async function keysIn(name: string): Promise<string[]> {
    const bucket = await openWithKeys(service, name, { counts: noCounts() });
    const pages = await Array.fromAsync(bucket.list(""));
    await bucket.close();
    return pages.flat().map(({ key }) => key);
  }

  test.each(Object.keys(servers))("a server that %s gets no backup", async (which) => {
    const name = await newBucket(service, { lock: true });
    const answer = servers[which];
    if (answer === undefined) throw new Error("no such server");
    using proxy = faultProxy(service.endpoint, answer);
    await using rig = await Rig.make();
    await rig.write("file", "content");
    rig.ahead = 0;
    expect(await archived(rig, name, proxy.endpoint)).toMatchObject({
      exit: 1,
      message: expect.stringContaining("Object Lock"),
    });
    expect((await keysIn(name)).filter((key) => !isProof(key))).toEqual([]);
  });

  test("a bucket without Object Lock gets no object at all, and the message names Object Lock", async () => {
    const name = await newBucket(service, { lock: false });
    await using rig = await Rig.make();
    await rig.write("file", "content");
    expect(await archived(rig, name, service.endpoint)).toMatchObject({
      exit: 1,
      message: expect.stringContaining("the bucket has no Object Lock"),
    });
    expect(await keysIn(name)).toEqual([]);
  });

  test("a bucket that keeps locks has one proof after the first backup", async () => {
    const name = await newBucket(service, { lock: true });
    await using rig = await Rig.make();
    await rig.write("file", "content");
    rig.ahead = 0;
    expect(await archived(rig, name, service.endpoint)).toEqual({ exit: 0, message: "complete" });
    expect((await keysIn(name)).filter(isProof)).toHaveLength(1);
  });
});
