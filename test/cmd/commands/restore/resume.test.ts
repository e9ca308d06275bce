/** The note of a restore that waits for thawing keeps what it trusts. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { RestoreArgs } from "../../../../cmd/commands/restore/arguments.ts";
import { notedOf, noteRestore, resumedArgs } from "../../../../cmd/commands/restore/resume.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { fakeIO } from "../../fake-io.ts";

const bucket = "s3://example-backups";
const plain: RestoreArgs = {
  confDir: "/etc/backup",
  name: undefined,
  bucket: undefined,
  manifest: undefined,
  paths: [],
  target: "/mnt",
  yes: false,
  numericOwner: false,
  snapshots: "ask",
};

test("a restore that goes on takes only what its first run trusted, or what is given now", async () => {
  await using place = await scratch();
  const state = join(place.path, "state");
  const io = fakeIO();
  const first = { ...plain, manifest: "manifests/test/root", trust: "/root/trusted", allowUntrusted: false };
  await noteRestore(state, notedOf(first, bucket), io);
  const again = await resumedArgs({ ...plain, resume: true }, state, bucket);
  expect(again).toMatchObject({ manifest: "manifests/test/root", trust: "/root/trusted", allowUntrusted: false });
  const other = await resumedArgs({ ...plain, trust: "/root/other", allowUntrusted: true }, state, bucket);
  expect(other).toMatchObject({ trust: "/root/other", allowUntrusted: true });
  await noteRestore(state, notedOf({ ...plain, manifest: "manifests/test/root" }, bucket), io);
  expect((await resumedArgs({ ...plain, resume: true }, state, bucket)).trust).toBeUndefined();
});
