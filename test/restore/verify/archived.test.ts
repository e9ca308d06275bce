/** Objects in an archive tier, as AWS answers for them: verify does not call a backup restorable that cannot be read. */
import { describe, expect, test } from "bun:test";
import { archive } from "../../../core/archive/archive.ts";
import { readAll } from "../../../core/bucket/stream.ts";
import { Rig } from "../../core/archive/rig.ts";
import { openWithKeys } from "../../core/bucket/open-with-keys.ts";
import { refusal } from "../../support/faults/aws-words.ts";
import { faultProxy } from "../../support/faults/proxy.ts";
import { ceph, newBucket } from "../../support/services.ts";
import { verified } from "./plant.ts";

const words = {
  status: 403,
  code: "InvalidObjectState",
  message: "The operation is not valid for the object's storage class",
};

/** What AWS adds to the answers about packs in a storage class. */
type Tier = { readonly head: Readonly<Record<string, string>>; readonly list: string; readonly readable: boolean };

const glacier = "<StorageClass>GLACIER</StorageClass>";
const restored = "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>";
const tiers: Readonly<Record<string, Tier>> = {
  GLACIER: { head: { "x-amz-storage-class": "GLACIER" }, list: glacier, readable: false },
  DEEP_ARCHIVE: {
    head: { "x-amz-storage-class": "DEEP_ARCHIVE" },
    list: "<StorageClass>DEEP_ARCHIVE</StorageClass>",
    readable: false,
  },
  "GLACIER that is being restored": {
    head: { "x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="true"' },
    list: glacier,
    readable: false,
  },
  "an archive tier of INTELLIGENT_TIERING": {
    head: { "x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "ARCHIVE_ACCESS" },
    list: "<StorageClass>INTELLIGENT_TIERING</StorageClass>",
    readable: false,
  },
  "GLACIER, restored for some days": {
    head: {
      "x-amz-storage-class": "GLACIER",
      "x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 01 Jan 2038 00:00:00 GMT"',
    },
    list: `${glacier}${restored}`,
    readable: true,
  },
  GLACIER_IR: {
    head: { "x-amz-storage-class": "GLACIER_IR" },
    list: "<StorageClass>GLACIER_IR</StorageClass>",
    readable: true,
  },
};

async function altered(request: Request, tier: Tier, forward: () => Promise<Response>): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const isPack = pathname.includes("/packs/");
  if (isPack && request.method === "GET" && !tier.readable) return refusal(words);
  const answer = await forward();
  const headers = new Headers(answer.headers);
  if (isPack && request.method === "HEAD") {
    for (const [name, value] of Object.entries(tier.head)) headers.set(name, value);
    return new Response(null, { status: answer.status, headers });
  }
  if (!searchParams.has("versions") || !searchParams.get("prefix")?.startsWith("packs/")) return answer;
  const text = (await answer.text()).replaceAll(/<StorageClass>\w*<\/StorageClass>/g, tier.list);
  headers.delete("content-length");
  return new Response(text, { status: answer.status, headers });
}

describe.skipIf(ceph === undefined)("a pack in", () => {
  for (const [name, tier] of Object.entries(tiers)) {
    test(`${name} ${tier.readable ? "is sound" : "is reported, and a get of it says why it fails"}`, async () => {
      if (ceph === undefined) throw new Error("absent");
      await using rig = await Rig.make();
      await rig.write("a", "a".repeat(4_000));
      const bucketName = await newBucket(ceph, { lock: true });
      using proxy = faultProxy(ceph.endpoint, (request, forward) => altered(request, tier, forward));
      const bucket = await openWithKeys({ ...ceph, endpoint: proxy.endpoint }, bucketName);
      await archive(rig.job(() => {}, bucket));
      const { state, findings } = await verified({ bucket, now: rig.now, name: "host" });
      const codes = findings.map(({ key, code }) => `${code} ${key.split("/")[0]}`);
      expect([state, ...codes]).toEqual(tier.readable ? ["restorable"] : ["short", "archived packs"]);
      if (!tier.readable) {
        const [pack] = (await Array.fromAsync(bucket.list("packs/"))).flat();
        const error = await readAll(bucket.get(pack?.key ?? ""), 100).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({
          kind: "frozen",
          message: expect.stringContaining("the object is in an archive tier"),
        });
      }
      await bucket.close();
    });
  }
});
