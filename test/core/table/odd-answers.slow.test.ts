/** Answers that no table of DynamoDB gives: each is no item, or an error of the table, with which a run goes on. */
import { expect, test } from "bun:test";
import { TableError } from "../../../core/table/contract.ts";
import { dynamoServer, opened } from "./support.ts";

const item = (key: string, more: object = {}) => ({ s3_key: { S: key }, text: { S: "x" }, ...more });

const shapes: Readonly<Record<string, unknown>> = {
  nothing: "",
  null: null,
  "a number": 7,
  "a list": [],
  "an answer that is a text": { Responses: "x", UnprocessedKeys: "y" },
  "items that are a text": { Responses: { t: "x" } },
  "items that are a number": { Responses: { t: 7 } },
  "items that are an object": { Responses: { t: { s3_key: { S: "a" } } } },
  "an item that is null": { Responses: { t: [null] } },
  "a key that is a number": { Responses: { t: [{ s3_key: { N: "1" } }] } },
  "a value without a type": { Responses: { t: [item("a", { text: {} })] } },
  "a value of two types": { Responses: { t: [item("a", { text: { S: "x", N: "y" } })] } },
  "bytes that are no base64": { Responses: { t: [item("a", { text: { B: "%%%" } })] } },
  "bytes that are a number": { Responses: { t: [item("a", { text: { B: 7 } })] } },
  "an attribute that is __proto__": JSON.parse('{"Responses":{"t":[{"s3_key":{"S":"a"},"__proto__":{"S":"x"}}]}}'),
  "keys left out that are a text": { UnprocessedKeys: { t: { Keys: "a" } } },
  "keys left out that are null": { UnprocessedKeys: { t: { Keys: [null] } } },
  "keys left out of another type": { UnprocessedKeys: { t: { Keys: [{ s3_key: { B: "YQ==" } }] } } },
  "the same key left out a thousand times": {
    UnprocessedKeys: { t: { Keys: Array.from({ length: 1_000 }, () => ({ s3_key: { S: "a" } })) } },
  },
  "items that are nested a thousand times": { Responses: { t: [item("a", { text: deep(1_000) })] } },
  "a page that goes on from a number": { Items: [], LastEvaluatedKey: { s3_key: { N: "7" } } },
  "a page that goes on from a text": { Items: [], LastEvaluatedKey: "x" },
  "a page of a text": { Items: "x" },
};

function deep(levels: number): unknown {
  return levels === 0 ? { S: "x" } : { L: [deep(levels - 1)] };
}

test.each(Object.entries(shapes))("%s is no item, or an error of the table, and nothing else", async (_, body) => {
  await using server = dynamoServer(() => ({ body }));
  const table = opened("t", server);
  const asked = [() => table.read(["a"], ["text"]), () => Array.fromAsync(table.scan(["text"]))];
  for (const ask of asked) {
    const answer = await ask().catch((error: unknown) => error);
    if (answer instanceof Error) expect(answer).toBeInstanceOf(TableError);
    else for (const found of answer instanceof Map ? answer.values() : []) expect(found.text ?? "x").toBe("x");
  }
  expect(table.counts.requests).toBeLessThan(20);
  table.close();
});
