import { open, statfs } from "node:fs/promises";
import { join } from "node:path";
import { memoryForUs } from "../../../core/system/threads/memory.ts";
import { Noise } from "./bytes.ts";
import type { Data } from "./data.ts";

const MiB = 1024 ** 2;
const block = 4_096;
/** GiB. */
const most = 8;
const file = "image";

/** Whole GiB: the file, its copy in a bucket and the restored one must find room. */
async function sizeThatFits(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  const fitting = Math.floor(Math.min(bavail * bsize, memoryForUs() ?? 0) / 1024 ** 3 / 4);
  return Math.max(1, Math.min(most, fitting)) * 1024 * MiB;
}

export const large: Data = {
  name: "large",
  about:
    "one file like the disk of a virtual machine, 8 GiB where that fits, each block half noise; then 1 % of its blocks change",
  async make(folder) {
    const size = await sizeThatFits(folder);
    const noise = new Noise("large");
    await using handle = await open(join(folder, file), "w");
    for (let at = 0; at < size; at += MiB) {
      const piece = Buffer.alloc(MiB);
      for (let start = 0; start < MiB; start += block) piece.set(noise.bytes(block / 2), start);
      await handle.write(piece, 0, MiB, at);
    }
  },
  async change(folder) {
    const noise = new Noise("changed");
    await using handle = await open(join(folder, file), "r+");
    const blocks = (await handle.stat()).size / block;
    for (let changed = 0; changed < blocks / 100; changed += 1) {
      await handle.write(noise.bytes(block / 2), 0, block / 2, noise.below(blocks) * block);
    }
  },
};
