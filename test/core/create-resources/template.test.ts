import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { loadTemplate } from "../../../core/create-resources/short-tags.ts";
import { builtInTemplate, readTemplate } from "../../../core/create-resources/template.ts";

describe("short tags become long forms:", () => {
  const cases: readonly (readonly [text: string, expected: unknown])[] = [
    ["!Ref Bucket", { Ref: "Bucket" }],
    ["!Ref AWS::NoValue", { Ref: "AWS::NoValue" }],
    ["!Condition NewBucket", { Condition: "NewBucket" }],
    ["!GetAtt Role.Arn", { "Fn::GetAtt": ["Role", "Arn"] }],
    ["!GetAtt Nested.Outputs.Bucket", { "Fn::GetAtt": ["Nested", "Outputs.Bucket"] }],
    ["!GetAtt [Role, Arn]", { "Fn::GetAtt": ["Role", "Arn"] }],
    ['!Sub "A/*"', { "Fn::Sub": "A/*" }],
    ['!Sub ["A", { A: !Ref B }]', { "Fn::Sub": ["A", { A: { Ref: "B" } }] }],
    ['!Join ["-", [a, !Ref B]]', { "Fn::Join": ["-", ["a", { Ref: "B" }]] }],
    ["!If [C, !Ref A, !Ref AWS::NoValue]", { "Fn::If": ["C", { Ref: "A" }, { Ref: "AWS::NoValue" }] }],
    ['!Not [!Equals [!Ref A, ""]]', { "Fn::Not": [{ "Fn::Equals": [{ Ref: "A" }, ""] }] }],
    ["!And [!Condition A, !Condition B]", { "Fn::And": [{ Condition: "A" }, { Condition: "B" }] }],
    ["!Or [!Condition A, !Condition B]", { "Fn::Or": [{ Condition: "A" }, { Condition: "B" }] }],
    ['!Select [0, !Split [",", a]]', { "Fn::Select": [0, { "Fn::Split": [",", "a"] }] }],
    ["!ImportValue x", { "Fn::ImportValue": "x" }],
    ["!FindInMap [M, a, b]", { "Fn::FindInMap": ["M", "a", "b"] }],
    ["!Base64 x", { "Fn::Base64": "x" }],
    ['!GetAZs ""', { "Fn::GetAZs": "" }],
    ['!Transform { Name: "AWS::Include" }', { "Fn::Transform": { Name: "AWS::Include" } }],
  ];
  test.each(cases)("short tags become long forms: %s", (text, expected) => {
    expect(loadTemplate(text)).toEqual(expected);
    expect(JSON.parse(JSON.stringify(loadTemplate(text)))).toEqual(expected);
  });

  test("a tag that CloudFormation does not know is an error", () => {
    expect(() => loadTemplate("!Reff Bucket")).toThrow(/unknown/);
  });

  test("yes and no without quotes are read as CloudFormation reads them", () => {
    expect(loadTemplate('[no, yes, "no"]')).toEqual([false, true, "no"]);
  });
});

describe("the built-in template", () => {
  const template = builtInTemplate();

  test("the built-in template is small enough to be sent in a request", () => {
    expect(Buffer.byteLength(template.text)).toBeLessThanOrEqual(51_200);
    expect(template.text).toStartWith("# What sysbackup needs");
  });

  test("the built-in template is sent without the comments in it, and says the same", async () => {
    const written = await Bun.file(join(import.meta.dir, "../../../cfn/sysbackup.yaml")).text();
    expect(loadTemplate(template.text)).toEqual(loadTemplate(written));
    expect(template.written).toBe(written);
    expect(template.text.length).toBeLessThan(written.length - 4_000);
  });

  test("the built-in template has its parameters with what they allow", () => {
    expect(template.parameters.get("LockMode")).toMatchObject({
      default: "GOVERNANCE",
      allowed: ["GOVERNANCE", "COMPLIANCE"],
    });
    expect(template.parameters.get("LongestLockDays")).toMatchObject({ number: true, minimum: 9, maximum: 36500 });
    for (const [name, { default: value }] of template.parameters)
      expect([name, typeof value]).toEqual([name, "string"]);
  });

  test("the built-in template has no short tag left in its JSON", () => {
    const { Resources } = JSON.parse(JSON.stringify(template.document));
    expect(Resources.BucketPolicy.Properties.Bucket).toEqual({
      "Fn::If": ["NewBucket", { Ref: "Bucket" }, { Ref: "ExistingBucket" }],
    });
  });
});

describe("a template that create-resources cannot use is refused:", () => {
  test.each([
    ["no parameters", "Resources: {}"],
    ["a parameter without description", "Parameters: { A: { Type: String } }"],
    ["a default that YAML does not take for text", "Parameters: { A: { Type: String, Description: x, Default: no } }"],
    ["a rule that would not be checked", "Parameters: { A: { Type: String, Description: x, MaxLength: 3 } }"],
  ])("a template that create-resources cannot use is refused: %s", (_, text) => {
    expect(() => readTemplate(text)).toThrow();
  });
});
