import { expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/unbundle/run.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { fakeIO } from "../../fake-io.ts";

test.each([
  ["", ""],
  ["srv/", ' under "srv/"'],
])("unbundle list of a bucket that has nothing of the script says where it looked: %j", async (prefix, where) => {
  await using folder = await scratch();
  const bucket = `file://${folder.path}`;
  const choices = { table: undefined, target: "/", numericOwner: false, thaw: undefined, yes: false };
  const io = fakeIO();
  expect(await run({ confDir: folder.path, name: undefined, bucket, action: "list", prefix, ...choices }, io)).toBe(0);
  expect(io.notices.map(({ message }) => message)).toEqual([`"${bucket}" has no bundles of the script${where}`]);
});
