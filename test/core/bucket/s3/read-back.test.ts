/** What a refusal means is decided by the lock, read back, whatever the server's words. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { PutObjectLegalHoldCommand, S3Client } from "@aws-sdk/client-s3";
import type { Bucket, Retention, Stored } from "../../../../core/bucket/contract.ts";
import { deniedByPolicy, isAboutLock, refusal, refusedByLock, type Words } from "../../../support/faults/aws-words.ts";
import { faultProxy } from "../../../support/faults/proxy.ts";
import { ceph, clientConfig, newBucket } from "../../../support/services.ts";
import { failureOf } from "../failure.ts";
import { openWithKeys } from "../open-with-keys.ts";

const hour = 3_600_000;
const start = Date.now();
const lock = (hours: number, mode: Retention["mode"] = "GOVERNANCE"): Retention => ({
  mode,
  until: new Date(start + hours * hour),
});

type ReadBackRig = AsyncDisposable & {
  readonly bucket: Bucket;
  readonly direct: Bucket;
  /** From now on, what `isRefused` says is refused so. */
  refuse(words: Words, isRefused: (request: Request) => boolean): void;
  /** Lays a legal hold on an object. */
  hold(object: Stored): Promise<void>;
};

async function rig(): Promise<ReadBackRig> {
  if (ceph === undefined) throw new Error("absent");
  const service = ceph;
  const name = await newBucket(ceph, { lock: true });
  let intercept = (_: Request): Response | undefined => undefined;
  const proxy = faultProxy(ceph.endpoint, (request, forward) => intercept(request) ?? forward());
  const bucket = await openWithKeys({ ...ceph, endpoint: proxy.endpoint }, name);
  const direct = await openWithKeys(ceph, name);
  return {
    bucket,
    direct,
    refuse(words, isRefused) {
      intercept = (request) => (isRefused(request) ? refusal(words) : undefined);
    },
    async hold({ key, version }) {
      const client = new S3Client(clientConfig(service));
      const place = { Bucket: name, Key: key, VersionId: version };
      await client.send(new PutObjectLegalHoldCommand({ ...place, LegalHold: { Status: "ON" } }));
      client.destroy();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([bucket.close(), direct.close()]);
      proxy[Symbol.dispose]();
    },
  };
}

const setsLock = (request: Request) => request.method === "PUT" && isAboutLock(request);
const removes = ({ method }: Request) => method === "DELETE";
const body = Buffer.from("x");

const extensions = { ...deniedByPolicy("s3:PutObjectRetention"), ...refusedByLock };
const removals = {
  ...deniedByPolicy("s3:DeleteObjectVersion"),
  "for want of the bypass": deniedByPolicy("s3:BypassGovernanceRetention")["by the bucket policy"] ?? {
    status: 403,
    code: "",
    message: "",
  },
  ...refusedByLock,
};

describe.skipIf(ceph === undefined)("an extension that is refused", () => {
  for (const [how, words] of Object.entries(extensions)) {
    test(`${how} is denied if the lock is too short, and the lock stays`, async () => {
      await using at = await rig();
      const { version } = await at.bucket.put("packs/a", body, { retention: lock(1) });
      at.refuse(words, setsLock);
      const failure = await failureOf(at.bucket.extend("packs/a", version, lock(2)));
      expect(failure.kind).toBe("denied");
      expect(failure.message).toContain(`it stays locked until ${lock(1).until.toISOString()} (GOVERNANCE)`);
      expect(await at.direct.retention("packs/a", version)).toEqual(lock(1));
    });

    test(`${how} is no loss if the lock is long enough`, async () => {
      await using at = await rig();
      const { version } = await at.bucket.put("packs/a", body, { retention: lock(3) });
      at.refuse(words, setsLock);
      expect((await failureOf(at.bucket.extend("packs/a", version, lock(2)))).kind).toBe("locked");
    });
  }

  for (const [how, words] of Object.entries(refusedByLock)) {
    test(`${how} is denied if the lock is long enough, but of the weaker mode`, async () => {
      await using at = await rig();
      const { version } = await at.bucket.put("packs/a", body, { retention: lock(3) });
      at.refuse(words, setsLock);
      const failure = await failureOf(at.bucket.extend("packs/a", version, lock(2, "COMPLIANCE")));
      expect(failure.kind).toBe("denied");
      expect(failure.message).toContain("(GOVERNANCE)");
      expect(await at.direct.retention("packs/a", version)).toEqual(lock(3));
    });
  }

  test("an extension that is refused since the lock is of the stricter mode is made in that mode", async () => {
    await using at = await rig();
    const { version } = await at.bucket.put("packs/a", body, { retention: lock(0.01, "COMPLIANCE") });
    await at.bucket.extend("packs/a", version, lock(0.02));
    expect(await at.direct.retention("packs/a", version)).toEqual(lock(0.02, "COMPLIANCE"));
  });

  test("an extension that is refused is denied if the lock may not be read, and both rights are named", async () => {
    await using at = await rig();
    const { version } = await at.bucket.put("packs/a", body, { retention: lock(3) });
    const hidden = (request: Request) => isAboutLock(request) || request.method === "HEAD";
    at.refuse({ status: 403, code: "AccessDenied", message: "" }, hidden);
    const failure = await failureOf(at.bucket.extend("packs/a", version, lock(2)));
    expect(failure.kind).toBe("denied");
    expect(failure.message).toContain("s3:PutObjectRetention and s3:GetObjectRetention");
  });

  test("an extension that is refused is denied if there is no lock", async () => {
    const none = { status: 404, code: "NoSuchObjectLockConfiguration", message: "" };
    const no = { status: 403, code: "AccessDenied", message: "retention" };
    using proxy = faultProxy("http://127.0.0.1:1", ({ method }) => refusal(method === "GET" ? none : no));
    const service = { endpoint: proxy.endpoint, region: "x", accessKey: "a", secretKey: "b" };
    const bucket = await openWithKeys(service, "the-bucket");
    expect((await failureOf(bucket.extend("packs/a", "v", lock(2)))).kind).toBe("denied");
    await bucket.close();
  });
});

describe.skipIf(ceph === undefined)("a removal that is refused", () => {
  let at: ReadBackRig;
  let ended: Stored;
  let held: Stored;
  let locked: Stored;

  beforeAll(async () => {
    at = await rig();
    const short = { mode: "GOVERNANCE", until: new Date(Date.now() + 1500) } as const;
    ended = await at.bucket.put("packs/a", body, { retention: short });
    held = await at.bucket.put("packs/b", body, { retention: short });
    locked = await at.bucket.put("packs/c", body, { retention: lock(1) });
    await at.hold(held);
    await Bun.sleep(2600);
  });
  afterAll(() => at[Symbol.asyncDispose]());

  for (const [how, words] of Object.entries(removals)) {
    test(`${how} is denied if the lock has ended, and locked before`, async () => {
      at.refuse(words, removes);
      expect((await failureOf(at.bucket.remove(ended.key, ended.version))).kind).not.toBe("locked");
      expect((await failureOf(at.bucket.remove(locked.key, locked.version))).kind).toBe("locked");
      const failure = await failureOf(at.bucket.remove(held.key, held.version));
      expect(failure.kind).toBe("locked");
      expect(failure.message).toContain("a legal hold is on it");
    });
  }
});
