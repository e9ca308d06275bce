/** A table of DynamoDB whose answers are as large as they may be: the program's peak is measured. */
import { expect } from "bun:test";
import { z } from "zod";
import { dynamoServer } from "../core/table/support.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const asked = z.object({
  RequestItems: z.record(z.string(), z.object({ Keys: z.array(z.object({ s3_key: z.object({ S: z.string() }) })) })),
});
/** Just below what an answer may have. */
const most = 254 * 1024;

attack(
  {
    by: "H",
    what: "each answer of the table is full of items that are as large, or as many, as it may have",
    before: "answers of 4 MiB took 698 MiB of memory",
    now: "each answer is bounded, and nothing of it is kept that is not as ours",
    peak: 250,
  },
  async () => {
    let questions = 0;
    await using server = dynamoServer(({ action, body }) => {
      if (action !== "BatchGetItem") return { body: {} };
      const [[table = "", { Keys } = { Keys: [] }] = []] = Object.entries(asked.parse(body).RequestItems);
      questions += 1;
      const [first] = Keys;
      const one =
        questions % 2 === 0 ? { s3_key: { S: "x" }, a: { M: {} } } : { ...first, key: { S: "k".repeat(30_000) } };
      const items = Array<object>(Math.floor(most / (JSON.stringify(one).length + 1))).fill(one);
      return { body: { Responses: { [table]: items } } };
    });
    await using folder = await scratch();
    for (let file = 0; file < 60; file += 1)
      await Bun.write(`${folder.path}/files/${file}`, crypto.getRandomValues(new Uint8Array(65_536)).toString());
    const sections = {
      content: { share_with: "evil" },
      index: { dynamodb_table: "fleet" },
      dynamodb: { endpoint: server.endpoint, region: "us-east-1" },
    };
    const { conf } = await writeConf(folder.path, { sections, pickers: { one: `find ${folder.path}/files -print0` } });
    const env = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
    const { exit, peakMiB } = await sysbackupPeak(["archive", "--conf-dir", conf], { env });
    expect(exit).toBeOneOf([0, 3]);
    expect(questions).toBeGreaterThan(10);
    return peakMiB;
  },
  { timeout: 120_000 },
);
