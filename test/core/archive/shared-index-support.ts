/** Machines that share a table of DynamoDB, for tests of what it says. */
import type { Table, TableAttributes, TableItem } from "../../../core/table/contract.ts";
import { moto } from "../../support/services.ts";
import { newTable, type OpenedTable, opened } from "../table/support.ts";
import { noise } from "./noise.ts";
import { Rig, type RigRun, type RunOptions } from "./rig.ts";

export const small = noise(5_000, 1);
const large = noise(3_000_000, 2);

export async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("small", small);
  await rig.write("large", large);
  return rig;
}

export async function isWhole(rig: Rig, { backup }: RigRun): Promise<boolean> {
  const found = await Promise.all(["small", "large"].map((name) => backup.read(rig.file(name))));
  return found[0]?.equals(small) === true && found[1]?.equals(large) === true;
}

function newMotoTable(): Promise<string> {
  if (!moto) throw new Error("moto is not there");
  return newTable(moto);
}

export async function set() {
  if (!moto) throw new Error("moto is not there");
  return { rig: await rigWithFiles(), table: opened(await newMotoTable(), moto) };
}

export const sharing = (table: OpenedTable, ...shareWith: string[]): RunOptions => ({ table, content: { shareWith } });

/** Lets a friend store the files, and changes what the table says of chunks. Returns of how many. */
export async function changeChunks(
  rig: Rig,
  table: OpenedTable,
  change: (item: TableAttributes) => TableAttributes,
): Promise<number> {
  const put: TableItem[] = [];
  const recorded: Table = {
    name: table.name,
    read: (...asked) => table.read(...asked),
    advance: (...asked) => table.advance(...asked),
    put: async (items) => {
      const all = [...items];
      put.push(...all.filter(({ key }) => key.includes("/chunk/")));
      await table.put(all);
    },
  };
  await rig.run({ name: "friend", table: recorded });
  await table.put(put.map(({ key, attributes }) => ({ key, attributes: change(attributes) })));
  return put.length;
}
