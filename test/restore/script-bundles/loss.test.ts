/** What is said of a bundle of the script that cannot be read: it is in no backup, and only a keyfile opens it. */
import { expect, test } from "bun:test";
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
