/** Checks that docs/aws.md agrees with the template. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { builtInTemplate, type Parameter } from "../../core/create-resources/template.ts";

const page = await Bun.file(join(import.meta.dir, "../../docs/aws.md")).text();
const template = builtInTemplate();

const code = (text: string) => `\`${text}\``;

function allowed({ allowed, number, minimum, maximum, constraint }: Parameter): string {
  if (allowed !== undefined) return allowed.map(code).join(", ");
  return number ? `${minimum} to ${maximum}` : (constraint ?? "");
}

function rowsUnder(heading: string): string[][] {
  const section = page.split(/^##+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test("docs/aws.md has each parameter, with its default and what it allows", () => {
  const expected = [...template.parameters].map(([name, parameter]) => [
    code(name),
    parameter.default ? code(parameter.default) : "empty",
    allowed(parameter),
  ]);
  const rows = rowsUnder("Parameters");
  expect(rows.map((cells) => cells.slice(0, 3))).toEqual(expected);
  for (const [name, , , why] of rows) expect([name, why]).not.toEqual([name, ""]);
});

test("docs/aws.md has each statement of the bucket policy, in its order", () => {
  const policy = z.object({
    Resources: z.object({
      BucketPolicy: z.object({
        Properties: z.object({ PolicyDocument: z.object({ Statement: z.array(z.object({ Sid: z.string() })) }) }),
      }),
    }),
  });
  const { Statement } = policy.parse(template.document).Resources.BucketPolicy.Properties.PolicyDocument;
  expect(rowsUnder("What the bucket policy does").map(([sid]) => sid)).toEqual(Statement.map(({ Sid }) => code(Sid)));
});
