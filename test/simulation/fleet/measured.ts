/** Figures of a thousand machines that really ran, kept in a file: that takes too long for each run of the tests. */
import { join } from "node:path";
import { z } from "zod";
import { sizes, versionsOfFolder } from "./bytes.ts";
import type { ModelShape } from "./model.ts";
import { chunkBytes, type DayFigures, daysRun, type FleetShape, type Mode, modes } from "./real-fleet.ts";

/** Nine tenths of the chunks are the same everywhere, as in the table of the page; there are 25 times fewer, and smaller ones. */
export const measuredShape: FleetShape = { hosts: 1_000, shared: 36, own: 4 };

/** What the arithmetic takes for machines that run here. */
export function shapeRun(mode: Mode, shape: FleetShape): ModelShape {
  return { ...shape, ...sizes, chunkBytes, daysKept: daysRun(mode), version: versionsOfFolder };
}

const file = join(import.meta.dir, "measured.json");

const number = z.number().int().min(0);
const counts = z.object({
  ...{ put: number, get: number, head: number, list: number, extend: number, remove: number },
  ...{ sent: number, received: number },
});
const tableCounts = z.object({ requests: number, read: number, written: number });
const measurement = z.object({
  seconds: number,
  figures: z.object({
    bucket: counts,
    packs: number,
    table: tableCounts,
    answered: number,
    reader: z.object({ bucket: counts, table: tableCounts }),
  }),
});
const measurements = z.partialRecord(z.enum(modes), measurement);

/** `seconds`: of processor time. */
export type Measurement = { readonly seconds: number; readonly figures: DayFigures };

export async function measured(): Promise<Partial<Readonly<Record<Mode, Measurement>>>> {
  return measurements.parse(await Bun.file(file).json());
}

export async function keep(mode: Mode, measurement: Measurement): Promise<void> {
  await Bun.write(file, `${JSON.stringify({ ...(await measured()), [mode]: measurement }, undefined, 2)}\n`);
}
