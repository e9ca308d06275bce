import { open } from "node:fs/promises";
import { join } from "node:path";
import { Noise } from "./bytes.ts";
import type { Data } from "./data.ts";

const rows = 2_000_000;
const file = "database.sql";
/** One row in fifty, anywhere. */
const changedOneIn = 50;

async function write(folder: string, rowOf: (row: number, noise: Noise) => string): Promise<void> {
  const noise = new Noise("dump");
  await using handle = await open(join(folder, file), "w");
  await handle.write("COPY public.orders (id, customer, placed, total, note) FROM stdin;\n");
  for (let first = 0; first < rows; first += 10_000) {
    const lines = Array.from({ length: 10_000 }, (_, row) => rowOf(first + row, noise));
    await handle.write(lines.join(""));
  }
}

function rowOf(row: number, noise: Noise, edition = ""): string {
  const note = noise.bytes(36).toString("base64");
  return `${row}\t${noise.below(100_000)}\t2026-01-01 00:00:00\t${noise.below(1_000_000) / 100}\t${edition}${note}\n`;
}

export const dump: Data = {
  name: "dump",
  about: "a database's dump as text, 2,000,000 rows; then 2 % of the rows, scattered over all of it, are others",
  make: (folder) => write(folder, (row, noise) => rowOf(row, noise)),
  async change(folder) {
    const chosen = new Noise("chosen");
    await write(folder, (row, noise) => rowOf(row, noise, chosen.below(changedOneIn) === 0 ? "paid " : ""));
  },
};
