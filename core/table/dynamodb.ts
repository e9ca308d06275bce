/** A table of DynamoDB, by the SDK: batches, attempts, and checks of every answer. The SDK is loaded at the first request. */
import type * as Sdk from "@aws-sdk/client-dynamodb";
import { z } from "zod";
import { type RequestBounds, usualBounds } from "../bucket/s3/bounds.ts";
import type { CredentialProvider } from "../bucket/s3/credentials.ts";
import { eachOf } from "../side-by-side.ts";
import { Garbage } from "../system/threads/garbage.ts";
import {
  keyAttribute,
  type ScannableTable,
  type TableAttributes,
  type TableCounts,
  TableError,
  type TableItem,
  type TableValue,
} from "./contract.ts";
import { isUnmetCondition, mayPass, type TableAttempt, tableError } from "./errors.ts";

export type TablePlace = {
  /** Asked for at the first request. */
  readonly region: () => Promise<string>;
  /** For services other than AWS. */
  readonly endpoint: string | undefined;
};

export type TableTools = {
  /** Called at the first request. */
  readonly credentials: () => Promise<CredentialProvider>;
  readonly counts: TableCounts;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** A number from 0 up to, but not including, 1. */
  readonly random: () => number;
  readonly signal: AbortSignal;
};

/** Keys of one BatchGetItem, the most that DynamoDB takes. */
const batchSize = 100;
const batchesAtOnce = 4;
/** Not by BatchWriteItem: the right to it is a right to delete, which no machine has. */
const putsAtOnce = 16;
/** Seven waits of 6 seconds in all at most; a table that does not answer at all is given up after three attempts. */
const attempts = { busy: 8, unreachable: 3 } as const;
/** Waits for one batch of which each answer has a little: about a minute. */
const mostWaits = 60;
const firstWait = 50;
const longestWait = 5_000;
/** Pages of a scan without any item, one after the other. */
const mostEmptyPages = 10;
/** Items of one page of a scan. */
const pageSize = 100;
/**
 * Bytes of an answer, more than a batch or a page of items with the longest keys. Parsed, many small items take a hundred times as much
 * memory.
 */
const largestAnswer = 256 * 1024;
/** A table is there to save time: it is given up sooner than a bucket. */
/** Bytes that parsing an answer may leave, roughly: the collector would come late. */
const garbageOfAnswer = 4 * 1024 ** 2;
const bounds: RequestBounds = { ...usualBounds, silence: 15_000, answer: 60_000, largestAnswer };

/** Makes no request. The caller closes it. */
export function openTable(name: string, place: TablePlace, tools: TableTools): ScannableTable & { close(): void } {
  return new DynamoTable(name, place, tools);
}

type Opened = { readonly sdk: typeof Sdk; readonly client: Sdk.DynamoDBClient };
type Keys = readonly string[];

class DynamoTable implements ScannableTable {
  readonly name: string;
  readonly #place: TablePlace;
  readonly #tools: TableTools;
  readonly #garbage = new Garbage();
  #opened: Promise<Opened> | undefined;
  #region = "";

  constructor(name: string, place: TablePlace, tools: TableTools) {
    this.name = name;
    this.#place = place;
    this.#tools = tools;
  }

  async read(keys: Iterable<string>, attributes: readonly string[]): Promise<ReadonlyMap<string, TableAttributes>> {
    const found = new Map<string, TableAttributes>();
    await eachOf(batchesOf(new Set(keys)), batchesAtOnce, (batch) => this.#readBatch(batch, attributes, found));
    return found;
  }

  async *scan(attributes: readonly string[]): AsyncGenerator<TableItem> {
    let empty = 0;
    for (let start: string | undefined; ; ) {
      const { items, next } = await this.#scanPage(start, attributes);
      yield* items;
      if (next === undefined) return;
      empty = items.length === 0 ? empty + 1 : 0;
      if (next === start || empty > mostEmptyPages) throw this.#strange("it goes on without an end");
      start = next;
    }
  }

  async #scanPage(start: string | undefined, attributes: readonly string[]) {
    const request = {
      TableName: this.name,
      Limit: pageSize,
      ...projection(attributes),
      ...(start !== undefined && { ExclusiveStartKey: { [keyAttribute]: { S: start } } }),
    };
    const { Items = [], LastEvaluatedKey } = await this.#send("read the table", "dynamodb:Scan", ({ sdk, client }) =>
      client.send(new sdk.ScanCommand(request)),
    );
    this.#tools.counts.read += Items.length;
    const parsed = scanAnswer.safeParse({ items: Items, next: LastEvaluatedKey });
    if (parsed.success) return parsed.data;
    throw this.#strange(parsed.error.issues[0]?.message ?? "");
  }

  #strange(why: string): TableError {
    const parts = { doing: "read the table", what: this.name, why: `it does not answer as DynamoDB does (${why})` };
    return new TableError("other", parts);
  }

  async put(items: Iterable<TableItem>): Promise<void> {
    await eachOf(items, putsAtOnce, async (item) => {
      await this.#send("write to the table", "dynamodb:PutItem", ({ sdk, client }) =>
        client.send(new sdk.PutItemCommand({ TableName: this.name, Item: encoded(item) })),
      );
      this.#tools.counts.written += 1;
    });
  }

  async advance(item: TableItem, attribute: string): Promise<boolean> {
    const condition = {
      ConditionExpression: "attribute_not_exists(#attribute) OR #attribute < :value",
      ExpressionAttributeNames: { "#attribute": attribute },
      ExpressionAttributeValues: { ":value": encodedValue(item.attributes[attribute] ?? "") },
    };
    return this.#send("write to the table", "dynamodb:PutItem", async ({ sdk, client }) => {
      try {
        await client.send(new sdk.PutItemCommand({ TableName: this.name, Item: encoded(item), ...condition }));
        this.#tools.counts.written += 1;
        return true;
      } catch (error) {
        // Also after an answer that was lost: then it is there.
        if (isUnmetCondition(error)) return false;
        throw error;
      }
    });
  }

  close(): void {
    this.#opened?.then(({ client }) => client.destroy()).catch(() => {});
  }

  /** Asks again for what DynamoDB left out: as often as after an error, each time without any answer. */
  async #readBatch(batch: Keys, attributes: readonly string[], found: Map<string, TableAttributes>): Promise<void> {
    const backoff = new Backoff(this.#tools);
    for (let left = batch; left.length > 0; ) {
      const { items, unprocessed } = await this.#readOnce(left, attributes);
      for (const { key, attributes } of items) if (left.includes(key)) found.set(key, attributes);
      if (unprocessed.length === 0) return;
      const asked = new Set(left);
      const next = unprocessed.filter((key) => asked.has(key));
      if (next.length < left.length) backoff.progressed();
      left = next;
      if (left.length > 0) await backoff.failed(tooBusy(this.#attempt("read the table", "dynamodb:BatchGetItem")));
    }
  }

  async #readOnce(keys: Keys, attributes: readonly string[]): Promise<z.output<typeof batchAnswer>> {
    const request = { Keys: keys.map((key) => ({ [keyAttribute]: { S: key } })), ...projection(attributes) };
    const answer = await this.#send("read the table", "dynamodb:BatchGetItem", ({ sdk, client }) =>
      client.send(new sdk.BatchGetItemCommand({ RequestItems: { [this.name]: request } })),
    );
    this.#tools.counts.read += keys.length;
    this.#garbage.left(garbageOfAnswer);
    const { Responses, UnprocessedKeys } = answer;
    const parsed = batchAnswer.safeParse({
      items: Responses?.[this.name] ?? [],
      unprocessed: UnprocessedKeys?.[this.name]?.Keys ?? [],
    });
    if (parsed.success) return parsed.data;
    throw this.#strange(parsed.error.issues[0]?.message ?? "");
  }

  /** Makes a request, again if that can help. */
  async #send<T>(doing: string, action: string, request: (opened: Opened) => Promise<T>): Promise<T> {
    const { counts, signal } = this.#tools;
    const backoff = new Backoff(this.#tools);
    for (;;) {
      signal.throwIfAborted();
      counts.requests += 1;
      try {
        return await request(await this.#open());
      } catch (error) {
        signal.throwIfAborted();
        await backoff.failed(tableError(error, this.#attempt(doing, action)));
      }
    }
  }

  #attempt(doing: string, action: string): TableAttempt {
    return { doing, action, table: this.name, region: this.#region, endpoint: this.#place.endpoint };
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#connect().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #connect(): Promise<Opened> {
    const [sdk, { GuardedHandler }] = await Promise.all([
      import("@aws-sdk/client-dynamodb"),
      import("../bucket/s3/handler.ts"),
    ]);
    const { region, endpoint } = this.#place;
    const { signal, credentials } = this.#tools;
    this.#region = await region();
    const client = new sdk.DynamoDBClient({
      region: this.#region,
      // Attempts are counted here.
      maxAttempts: 1,
      requestHandler: new GuardedHandler({ signal, bounds }),
      credentials: await credentials(),
      ...(endpoint !== undefined && { endpoint }),
    });
    return { sdk, client };
  }
}

/** Waits between the attempts at one request. */
class Backoff {
  readonly #tools: Pick<TableTools, "sleep" | "random">;
  #failures = 0;
  #waits = 0;

  constructor(tools: Pick<TableTools, "sleep" | "random">) {
    this.#tools = tools;
  }

  progressed(): void {
    this.#failures = 0;
  }

  /** Waits, or throws the error if it was the last attempt. */
  async failed(error: TableError): Promise<void> {
    this.#failures += 1;
    const most = error.kind === "busy" ? attempts.busy : attempts.unreachable;
    this.#waits += 1;
    if (!mayPass(error) || this.#failures >= most || this.#waits > mostWaits) throw error;
    const full = Math.min(longestWait, firstWait * 2 ** (this.#failures - 1));
    await this.#tools.sleep(full * (0.5 + this.#tools.random() / 2));
  }
}

function tooBusy({ doing, table, region, endpoint }: TableAttempt): TableError {
  const where = endpoint === undefined ? `DynamoDB in ${region}` : JSON.stringify(endpoint);
  const why = `${where} leaves keys out of its answers, as when there are too many requests`;
  return new TableError("busy", { doing, what: table, why, remedy: "raise the capacity of the table" });
}

/** Asks for these attributes and the key, whose names may be words of DynamoDB's language. */
function projection(attributes: readonly string[]) {
  const names = [keyAttribute, ...attributes];
  return {
    ProjectionExpression: names.map((_, number) => `#a${number}`).join(", "),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, number) => [`#a${number}`, name])),
  };
}

function* batchesOf(keys: ReadonlySet<string>): Generator<Keys> {
  const all = [...keys];
  for (let start = 0; start < all.length; start += batchSize) yield all.slice(start, start + batchSize);
}

function encoded({ key, attributes }: TableItem): Record<string, Sdk.AttributeValue> {
  const values = Object.entries(attributes).map(([name, value]) => [name, encodedValue(value)] as const);
  return { [keyAttribute]: { S: key }, ...Object.fromEntries(values) };
}

function encodedValue(value: TableValue): Sdk.AttributeValue {
  if (typeof value === "string") return { S: value };
  return typeof value === "number" ? { N: String(value) } : { B: value };
}

const keyOnly = z.object({ [keyAttribute]: z.object({ S: z.string() }) });
const storedValue = z.object({ S: z.string(), N: z.string(), B: z.instanceof(Uint8Array) }).partial();

const storedItem = z.record(z.string(), z.unknown()).transform((item, context): TableItem => {
  const { [keyAttribute]: key, ...rest } = item;
  const parsed = keyOnly.shape[keyAttribute].safeParse(key);
  if (!parsed.success) {
    context.addIssue({ code: "custom", message: "an item without its key" });
    return z.NEVER;
  }
  const known = Object.entries(rest).flatMap(([name, value]) => {
    const decoded = decodedValue(value);
    return decoded === undefined ? [] : [[name, decoded] as const];
  });
  return { key: parsed.data.S, attributes: Object.fromEntries(known) };
});

/** Undefined for a type that no item of ours has. */
function decodedValue(value: unknown): TableValue | undefined {
  const { success, data } = storedValue.safeParse(value);
  if (!success) return undefined;
  const { S, N, B } = data;
  if (S !== undefined) return S;
  if (B !== undefined) return B;
  const number = N === undefined ? Number.NaN : Number(N);
  return Number.isSafeInteger(number) ? number : undefined;
}

const scanAnswer = z.object({
  items: z.array(storedItem),
  next: keyOnly.transform((item) => item[keyAttribute].S).optional(),
});

const batchAnswer = z.object({
  items: z.array(storedItem),
  unprocessed: z.array(keyOnly.transform((item) => item[keyAttribute].S)),
});
