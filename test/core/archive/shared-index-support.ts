/** Machines that share a table of DynamoDB, for tests of what it says. */
import type { Table, TableAttributes, TableItem } from "../../../core/table/contract.ts";
import { moto } from "../../support/services.ts";
import { newTable, type OpenedTable, opened } from "../table/support.ts";
import type { Rig, RunOptions } from "./rig.ts";
import { rigWithFiles } from "./small-and-large.ts";

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
