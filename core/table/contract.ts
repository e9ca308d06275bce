/**
 * The contract of a table of DynamoDB: items under one text key each. What it says is a hint that saves requests, and nothing is
 * lost with it: who uses a table goes on without it after an error.
 */
import { Failure, type FailureParts } from "../failure.ts";

/** Attributes of other types are as if they were not there. */
export type TableValue = string | number | Uint8Array;

/** Attributes by name, without the key. */
export type TableAttributes = Readonly<Record<string, TableValue>>;

export type TableItem = { readonly key: string; readonly attributes: TableAttributes };

/** Throws a `TableError` after the attempts that make sense. Each call may be repeated. */
export type Table = {
  readonly name: string;
  /** Returns the attributes asked for of the items that are there, by key. */
  read(keys: Iterable<string>, attributes: readonly string[]): Promise<ReadonlyMap<string, TableAttributes>>;
  /** Puts each item in place of the one with its key, one request each. After an error some of them are there. */
  put(items: Iterable<TableItem>): Promise<void>;
  /** Puts an item unless the one that is there has the same text or a later one in `attribute`. Returns whether it did. */
  advance(item: TableItem, attribute: string): Promise<boolean>;
};

export type ScannableTable = Table & {
  /** Yields all items, with the attributes asked for, in no order. */
  scan(attributes: readonly string[]): AsyncIterable<TableItem>;
};

/** The partition key of all tables: the script before this program calls it so. */
export const keyAttribute = "s3_key";

/**
 * `no-table`: there is none of this name in the region, or its key is another one; `denied`: not allowed; `credentials`: none, wrong
 * or expired; `busy`: throttled to the end; `unreachable`: no answer; `too-large`: more than one answer may have.
 */
export type TableErrorKind = "no-table" | "denied" | "credentials" | "busy" | "unreachable" | "too-large" | "other";

export class TableError extends Failure {
  constructor(
    readonly kind: TableErrorKind,
    parts: FailureParts,
  ) {
    super(parts);
  }
}

/** Requests, and items that they asked for and put: DynamoDB bills items. */
export type TableCounts = { requests: number; read: number; written: number };

export const noTableCounts = (): TableCounts => ({ requests: 0, read: 0, written: 0 });
