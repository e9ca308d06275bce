/** The check of tables of DynamoDB. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { moto } from "../../support/services.ts";
import { dynamoServer, newTable, refusal } from "../table/support.ts";
import { patient } from "./patient.ts";

test("a machine that uses no table is noted as such", async () => {
  await using well = await patient();
  expect(await well.examine("table")).toMatchObject([{ state: "note", text: expect.stringContaining("not needed") }]);
});

describe.skipIf(!moto)("at moto", () => {
  async function examined(tables: { index: string; bundle?: string }, endpoint = moto?.endpoint) {
    if (endpoint === undefined) throw new Error("moto is not there");
    const sections = {
      aws: { credentials_file: "keys" },
      index: { dynamodb_table: tables.index },
      dynamodb: { endpoint, region: "us-east-1" },
      ...(tables.bundle !== undefined && { "bundle photos": { path: "/srv", index: `dynamodb:${tables.bundle}` } }),
    };
    await using one = await patient({ sections });
    await writeFile(join(one.conf, "keys"), "[default]\naws_access_key_id = test\naws_secret_access_key = test\n", {
      mode: 0o640,
    });
    return await one.examine("table");
  }

  test("tables of the index and of bundles that answer are good", async () => {
    if (moto === undefined) return;
    const [index, bundle] = [await newTable(moto), await newTable(moto)];
    expect(await examined({ index, bundle })).toEqual([
      {
        check: "table",
        state: "good",
        text: `"${index}" answers, and lets this machine look up what is under "index/test/published"`,
      },
      {
        check: "table",
        state: "good",
        text: `"${bundle}" answers, and lets this machine look up what is under "bundles/test/"`,
      },
    ]);
  });

  test("a table that is not there, and one with another key, are warnings with a remedy, and each is its own", async () => {
    if (moto === undefined) return;
    const [gone, other] = await examined({ index: "no-such-table", bundle: await newTable(moto, "id") });
    expect(gone).toMatchObject({ state: "warning", text: expect.stringContaining("has no such table") });
    expect(gone?.remedy).toContain("region under [dynamodb]");
    expect(other).toMatchObject({
      state: "warning",
      remedy: expect.stringContaining("s3_key (a text) as partition key"),
    });
  });

  test("a table that this machine may not look up in is a warning that names the right", async () => {
    await using server = dynamoServer(() => refusal("AccessDeniedException", "no"));
    const [denied] = await examined({ index: "fleet" }, server.endpoint);
    expect(denied).toMatchObject({ state: "warning", text: expect.stringContaining("access denied") });
    expect(denied?.remedy).toContain("dynamodb:BatchGetItem");
  });
});
