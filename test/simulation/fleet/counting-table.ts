/** A table in memory, for fleets whose requests would take a server of DynamoDB hours. It counts as `core/table/dynamodb.ts` does: a test compares the two. */
import {
  noTableCounts,
  type Table,
  type TableAttributes,
  type TableCounts,
  type TableItem,
  type TableValue,
} from "../../../core/table/contract.ts";

/** Keys that one request asks for, as DynamoDB has it. */
const batchSize = 100;

export type CountedTable = Table & { readonly counts: TableCounts };

export class CountingTable implements CountedTable {
  readonly name = "fleet";
  readonly counts = noTableCounts();
  readonly #items = new Map<string, TableAttributes>();

  async read(keys: Iterable<string>, attributes: readonly string[]): Promise<ReadonlyMap<string, TableAttributes>> {
    const wanted = new Set(keys);
    this.counts.requests += Math.ceil(wanted.size / batchSize);
    this.counts.read += wanted.size;
    const found = new Map<string, TableAttributes>();
    for (const key of wanted) {
      const item = this.#items.get(key);
      if (item !== undefined) found.set(key, projected(item, attributes));
    }
    return found;
  }

  async put(items: Iterable<TableItem>): Promise<void> {
    for (const item of items) {
      this.counts.requests += 1;
      this.#write(item);
    }
  }

  async advance(item: TableItem, attribute: string): Promise<boolean> {
    this.counts.requests += 1;
    const before = this.#items.get(item.key)?.[attribute];
    if (before !== undefined && !(textOf(before) < textOf(item.attributes[attribute]))) return false;
    this.#write(item);
    return true;
  }

  #write({ key, attributes }: TableItem): void {
    this.counts.written += 1;
    this.#items.set(key, { ...attributes });
  }
}

function projected(item: TableAttributes, names: readonly string[]): TableAttributes {
  const there = names.flatMap((name) => {
    const value = item[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(there);
}

/** Only texts are compared here. */
function textOf(value: TableValue | undefined): string {
  if (typeof value !== "string") throw new Error("not a text");
  return value;
}
