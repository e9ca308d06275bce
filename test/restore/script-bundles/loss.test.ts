/** What is said of a bundle of the script that cannot be read: it is in no backup, and only a keyfile opens it. */
import { expect, test } from "bun:test";
import { BucketError } from "../../../core/bucket/contract.ts";
import { altered, FormatError } from "../../../core/format/error.ts";
import { lossOfScriptBundle } from "../../../restore/script-bundles/script-bundles.ts";

test("a damaged bundle of the script is not looked for in other backups", () => {
  const { remedy, damage } = lossOfScriptBundle(altered("it cannot be opened"), { key: "srv/a.tar.bz2" });
  expect(damage).toBe(true);
  expect(remedy).toBe("try another keyfile, or look for an earlier version of it in the bucket");
});

test("a sealed bundle of the script asks for its keyfile only", () => {
  const { remedy, damage } = lossOfScriptBundle(new FormatError("sealed", "it is sealed"), { key: "srv/a.tar.bz2" });
  expect(damage).toBe(false);
  expect(remedy).toBe("name the keyfile that opens it: --keyfile");
});

test("a frozen bundle of the script is thawed by the command that restores it", () => {
  const frozen = new BucketError("frozen", {
    doing: "read",
    what: "s3://b/srv/a.tar.bz2",
    why: "it is in an archive tier",
  });
  const { remedy, damage } = lossOfScriptBundle(frozen, { key: "srv/a.tar.bz2" });
  expect(damage).toBe(false);
  expect(remedy).toBe("thaw it first: `sysbackup unbundle restore KEY --target DIR --thaw bulk`");
});
