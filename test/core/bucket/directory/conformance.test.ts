import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { conformance } from "../conformance.ts";

conformance({
  name: "directory",
  absent: false,
  async open() {
    const root = await mkdtemp(join(tmpdir(), "sysbackup-bucket-"));
    let clock = new Date("2026-11-21T02:00:03Z");
    const now = () => clock;
    const bucket = await openDirectoryBucket(root, { now, random: Math.random });
    return {
      bucket,
      openMissing: () => openDirectoryBucket(join(root, "nowhere"), { now, random: Math.random }),
      now,
      until: async (date) => {
        clock = date;
      },
      close: async () => {
        await bucket.close();
        await rm(root, { recursive: true });
      },
    };
  },
  differs: {
    "a key may be the beginning of another": "a file is no folder",
  },
});
