import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ByteString } from "../../../../core/format/path.ts";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { filesystemKind } from "../../../../core/system/filesystem/filesystems.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { mayMountForUser, usersFilesystem } from "../../../support/users-filesystem.ts";

function kindOf(folder: string) {
  const fd = openRoot(folder as ByteString, "pass");
  try {
    return filesystemKind(fd);
  } finally {
    close(fd);
  }
}

// gcsfuse and others answer statfs with ENOSYS.
test.skipIf(!mayMountForUser)("a filesystem that does not answer statfs is one to back up", async () => {
  await using place = await scratch();
  const at = join(place.path, "fuse");
  mkdirSync(at);
  await using _ = await usersFilesystem(at);
  expect(kindOf(at)).toBe("other");
});

test("files that the kernel makes when they are read are a kind of their own", async () => {
  await using place = await scratch();
  expect(kindOf("/proc")).toBe("pseudo");
  expect(kindOf(place.path)).toBe("other");
});
