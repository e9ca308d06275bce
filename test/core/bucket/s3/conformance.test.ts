/** Through `openBucket`, as users get it: with retry, counting, and the lock after uploads. */
import { ceph, moto, newBucket, type Service } from "../../../support/services.ts";
import { conformance } from "../conformance.ts";
import type { Subject } from "../conformance-bench.ts";
import { openWithKeys } from "../open-with-keys.ts";

const now = () => new Date();

async function open(service: Service | undefined): Promise<Subject> {
  if (service === undefined) throw new Error("the service is absent");
  const bucket = await openWithKeys(service, await newBucket(service, { lock: true }));
  return {
    bucket,
    openMissing: () => openWithKeys(service, "no-such-bucket-here"),
    now,
    until: (date) => Bun.sleep(date.getTime() - Date.now() + 1000),
    close: () => bucket.close(),
  };
}

conformance({ name: "Ceph", absent: ceph === undefined, open: () => open(ceph), differs: {} });

conformance({
  name: "moto",
  absent: moto === undefined,
  open: () => open(moto),
  differs: {
    "a lock never moves earlier": "moto shortens it",
    "a lock that has passed already is refused": "moto takes it",
    "bytes that do not have the stated SHA-256 are refused, or damaged when they are read": "moto does not check",
    "extending what is missing says so": "moto fails with an internal error",
    "a key may hold a line break": "moto finds no such page",
  },
});
