/** The client of tables, against moto, and against a server that fails. */
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import type { TableError, TableErrorKind, TableItem } from "../../../core/table/contract.ts";
import { moto } from "../../support/services.ts";
import { type DynamoAnswer, type DynamoRequest, dynamoServer, newTable, opened, refusal } from "./support.ts";

const items = (count: number): TableItem[] =>
  Array.from({ length: count }, (_, number) => ({
    key: `item/${number}`,
    attributes: { text: `text ${number}`, number, bytes: new Uint8Array([number % 256, 1, 2]) },
  }));

describe.skipIf(!moto)("a table of moto", () => {
  test("items of more than one batch come back as they were put, and keys that are not there do not", async () => {
    if (!moto) return;
    const table = opened(await newTable(moto), moto);
    const all = items(230);
    await table.put(all);
    const keys = [...all.map(({ key }) => key), "item/none", "item/5"];
    const found = await table.read(keys, ["text", "number", "bytes"]);
    expect(found.size).toBe(230);
    for (const { key, attributes } of all) expect(found.get(key)).toEqual(attributes);
    expect(table.counts).toEqual({ requests: 233, read: 231, written: 230 });
    table.close();
  }, 60_000);

  test("only the attributes that are asked for come back", async () => {
    if (!moto) return;
    const table = opened(await newTable(moto), moto);
    await table.put(items(1));
    expect(await table.read(["item/0"], ["text", "absent"])).toEqual(new Map([["item/0", { text: "text 0" }]]));
    table.close();
  });

  test("an item advances to a later text, and never back", async () => {
    if (!moto) return;
    const table = opened(await newTable(moto), moto);
    const at = (last: string) => table.advance({ key: "mark", attributes: { last } }, "last");
    expect(await at("b")).toBe(true);
    expect(await at("a")).toBe(false);
    expect(await at("b")).toBe(false);
    expect(await at("c")).toBe(true);
    expect(await table.read(["mark"], ["last"])).toEqual(new Map([["mark", { last: "c" }]]));
    table.close();
  });

  test("a table that is not there is named, with its region", async () => {
    if (!moto) return;
    const table = opened("no-such-table", moto);
    const error = await failureOf(table.read(["a"], []));
    expect(error).toMatchObject({ kind: "no-table" });
    expect(error.message).toMatch(/^cannot read the table "no-such-table": ".*" has no such table; check its name/);
    expect(await failureOf(table.put(items(1)))).toMatchObject({ kind: "no-table" });
    table.close();
  });

  for (const [what, key, sortKey] of [
    ["another key", "id"],
    ["a sort key", "s3_key", "time"],
  ] as const) {
    test(`a table with ${what} is refused by name`, async () => {
      if (!moto) return;
      const table = opened(await newTable(moto, key, sortKey), moto);
      for (const error of [await failureOf(table.put(items(1))), await failureOf(table.read(["a"], ["text"]))]) {
        expect(error).toMatchObject({ kind: "no-table" });
        expect(error.message).toContain("make it with s3_key (a text) as partition key, without a sort key");
      }
      table.close();
    });
  }
});

async function failureOf(call: Promise<unknown>): Promise<TableError> {
  return call.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: TableError) => error,
  );
}

const batchRequest = z.object({
  RequestItems: z.record(
    z.string(),
    z.looseObject({ Keys: z.array(z.object({ s3_key: z.object({ S: z.string() }) })) }),
  ),
});

function keysOf({ body }: DynamoRequest): string[] {
  return Object.values(batchRequest.parse(body).RequestItems).flatMap(({ Keys }) => Keys.map(({ s3_key }) => s3_key.S));
}

const item = (key: string, more: object = {}) => ({ s3_key: { S: key }, text: { S: key }, ...more });
const unprocessed = (keys: readonly string[]) =>
  keys.length === 0 ? {} : { t: { Keys: keys.map((key) => ({ s3_key: { S: key } })) } };

test("keys that DynamoDB leaves out are asked for again, with waits that grow", async () => {
  await using server = dynamoServer((request) => {
    const keys = keysOf(request);
    const some = keys.slice(0, 3);
    return { body: { Responses: { t: some.map((key) => item(key)) }, UnprocessedKeys: unprocessed(keys.slice(3)) } };
  });
  const table = opened("t", server);
  const keys = Array.from({ length: 10 }, (_, number) => `k${number}`);
  const found = await table.read(keys, ["text"]);
  expect([...found.keys()].sort()).toEqual(keys);
  expect(table.waits).toEqual([50, 50, 50]);
  table.close();
});

test("a table that leaves out all keys is given up after bounded waits", async () => {
  let requests = 0;
  await using server = dynamoServer((request) => {
    requests += 1;
    return { body: { Responses: {}, UnprocessedKeys: unprocessed(keysOf(request)) } };
  });
  const table = opened("t", server);
  const error = await failureOf(table.read(["a", "b"], ["text"]));
  expect(error).toMatchObject({ kind: "busy" });
  expect(requests).toBe(8);
  expect(table.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThan(10_000);
  table.close();
});

test("a table that answers a little each time is given up after a minute of waits for one batch", async () => {
  await using server = dynamoServer((request) => {
    const keys = keysOf(request);
    const isSome = keys.length % 7 !== requests++ % 7;
    return { body: { Responses: {}, UnprocessedKeys: unprocessed(isSome ? keys : keys.slice(1)) } };
  });
  let requests = 0;
  const table = opened("t", server);
  const keys = Array.from({ length: 100 }, (_, number) => `k${number}`);
  expect(await failureOf(table.read(keys, ["text"]))).toMatchObject({ kind: "busy" });
  expect(table.waits.length).toBeLessThanOrEqual(60);
  expect(table.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThan(90_000);
  table.close();
});

test("a scan yields the items of all pages, and is given up if it goes on without an end", async () => {
  const next = (key: string) => ({ LastEvaluatedKey: { s3_key: { S: key } } });
  let pages: (() => DynamoAnswer)[] = [];
  let requests = 0;
  await using server = dynamoServer(() => {
    requests += 1;
    return (pages.length > 1 ? pages.shift() : pages[0])?.() ?? { body: {} };
  });
  const table = opened("t", server);
  const scanned = () => Array.fromAsync(table.scan(["text"]));
  pages = [() => ({ body: { Items: [item("a")], ...next("a") } }), () => ({ body: { Items: [item("b")] } })];
  expect((await scanned()).map(({ key }) => key)).toEqual(["a", "b"]);
  const endless = [
    () => ({ body: { Items: [item("a")], ...next("a") } }),
    () => ({ body: { Items: [], ...next(`k${requests}`) } }),
  ];
  for (const answer of endless) {
    requests = 0;
    pages = [answer];
    expect((await failureOf(scanned())).message).toContain("it goes on without an end");
    expect(requests).toBeLessThan(20);
  }
  table.close();
});

test("an answer that never ends is given up after what an answer may have", async () => {
  const piece = new Uint8Array(65_536).fill(0x20);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(new ReadableStream({ pull: (controller) => controller.enqueue(piece) }), {
        headers: { "content-type": "application/x-amz-json-1.0" },
      }),
  });
  const table = opened("t", { endpoint: `http://127.0.0.1:${server.port}` });
  expect(await failureOf(table.read(["a"], ["text"]))).toMatchObject({ kind: "too-large" });
  expect(table.counts.requests).toBe(1);
  table.close();
  await server.stop(true);
});

const refusals: readonly [string, DynamoAnswer, TableErrorKind, number, RegExp][] = [
  ["throttling", refusal("ProvisionedThroughputExceededException", "slow"), "busy", 8, /asks for fewer requests/],
  ["throttling on demand", refusal("ThrottlingException", "slow"), "busy", 8, /asks for fewer requests/],
  ["an error of its own", refusal("InternalServerError", "oops", 500), "unreachable", 3, /error of its own \(500\)/],
  ["a denial", refusal("AccessDeniedException", "no"), "denied", 1, /may dynamodb:BatchGetItem on the table/],
  ["unknown keys", refusal("UnrecognizedClientException", "bad token"), "credentials", 1, /bad token; check profile/],
  ["a missing table", refusal("ResourceNotFoundException", "gone"), "no-table", 1, /has no such table/],
  ["a page", { body: "<html>hello</html>" }, "other", 1, /./],
  ["items without a key", { body: { Responses: { t: [{ text: { S: "x" } }] } } }, "other", 1, /not answer as DynamoDB/],
  [
    "an answer of 5 MiB",
    { body: { Responses: { t: [item("a", { big: { S: "x".repeat(5 << 20) } })] } } },
    "too-large",
    1,
    /more than/,
  ],
];
for (const [name, answer, kind, requests, message] of refusals) {
  test(`${name} is reported as ${kind}, after ${requests} requests`, async () => {
    await using server = dynamoServer(() => answer);
    const table = opened("t", server);
    const error = await failureOf(table.read(["a"], ["text"]));
    expect(error).toMatchObject({ kind });
    expect(error.message).toMatch(message);
    expect(error.message).toContain('"t"');
    expect(table.counts.requests).toBe(requests);
    table.close();
  }, 30_000);
}

test("a throttled put succeeds when it is let through", async () => {
  let left = 3;
  await using server = dynamoServer(() => {
    left -= 1;
    return left >= 0 ? refusal("ThrottlingException", "slow") : { body: {} };
  });
  const table = opened("t", server);
  await table.put(items(1));
  expect(table.counts).toEqual({ requests: 4, read: 0, written: 1 });
  table.close();
});

test("a server that nobody runs is given up after three attempts", async () => {
  const server = dynamoServer(() => ({ body: {} }));
  await server[Symbol.asyncDispose]();
  const table = opened("t", server);
  expect(await failureOf(table.read(["a"], []))).toMatchObject({ kind: "unreachable" });
  expect(table.counts.requests).toBe(3);
  table.close();
});

test("items that nobody asked for, and values of other types, are as if they were not there", async () => {
  const odd = {
    text: { L: [] },
    number: { N: "1e400" },
    half: { N: "0.5" },
    map: { M: {} },
    yes: { BOOL: true },
    good: { N: "7" },
  };
  await using server = dynamoServer(() => ({
    body: { Responses: { t: [item("a", odd), item("b")], other: [item("a")] }, UnprocessedKeys: unprocessed(["z"]) },
  }));
  const table = opened("t", server);
  const found = await table.read(["a"], ["text", "number", "half", "map", "yes", "good"]);
  expect(found).toEqual(new Map([["a", { good: 7 }]]));
  table.close();
});
