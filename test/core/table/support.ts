/** Tables for tests: real ones of moto, and a server that answers as a test says. */
import { randomUUID } from "node:crypto";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { keyAttribute, noTableCounts, type Table, type TableCounts } from "../../../core/table/contract.ts";
import { openTable } from "../../../core/table/dynamodb.ts";
import { clientConfig, type MotoAddress } from "../../support/services.ts";

function dynamoClient(moto: MotoAddress): DynamoDBClient {
  const { forcePathStyle: _, ...config } = clientConfig(moto);
  return new DynamoDBClient(config);
}

/** Makes a table with the key of the script, or another one, and returns its name. */
export async function newTable(moto: MotoAddress, key = keyAttribute, sortKey?: string): Promise<string> {
  const client = dynamoClient(moto);
  const names = [key, ...(sortKey === undefined ? [] : [sortKey])];
  const name = `test-${randomUUID()}`;
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: names.map((name) => ({ AttributeName: name, AttributeType: "S" })),
      KeySchema: names.map((name) => ({ AttributeName: name, KeyType: name === key ? "HASH" : "RANGE" })),
    }),
  );
  client.destroy();
  return name;
}

export type OpenedTable = Table & { close(): void; readonly counts: TableCounts; readonly waits: number[] };

/** Opens a table as `archive` does, but waits for nothing between attempts. */
export function opened(name: string, { endpoint, region = "us-east-1" }: { endpoint: string; region?: string }) {
  const counts = noTableCounts();
  const waits: number[] = [];
  const table = openTable(
    name,
    { region: async () => region, endpoint },
    {
      credentials: async () => async () => ({ accessKeyId: "test", secretAccessKey: "test" }),
      counts,
      sleep: async (milliseconds) => {
        waits.push(milliseconds);
      },
      random: () => 1,
      signal: new AbortController().signal,
    },
  );
  return Object.assign(table, { counts, waits }) satisfies OpenedTable;
}

export type DynamoRequest = { readonly action: string; readonly body: unknown };
export type DynamoAnswer = { readonly status?: number; readonly body: unknown };

/** A server that speaks DynamoDB's protocol, and answers what `answer` returns. */
export function dynamoServer(answer: (request: DynamoRequest) => DynamoAnswer) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const action = (request.headers.get("x-amz-target") ?? "").split(".").at(-1) ?? "";
      const { status = 200, body } = answer({ action, body: await request.json() });
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return new Response(text, { status, headers: { "content-type": "application/x-amz-json-1.0" } });
    },
  });
  return { endpoint: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** An error as DynamoDB answers it. */
export function refusal(type: string, message: string, status = 400): DynamoAnswer {
  return { status, body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message } };
}
