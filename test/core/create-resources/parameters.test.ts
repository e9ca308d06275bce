import { describe, expect, test } from "bun:test";
import { checkForExistingBucket, givenSettings, withDefaults } from "../../../core/create-resources/parameters.ts";
import { builtInTemplate, readTemplate } from "../../../core/create-resources/template.ts";

const template = builtInTemplate();

function given(parameters: string | undefined, exportName?: string) {
  return Object.fromEntries(givenSettings(template, { package: "p", export: exportName, parameters }));
}

describe("--parameters", () => {
  const cases: readonly (readonly [text: string | undefined, expected: Record<string, string>])[] = [
    [undefined, {}],
    ["", {}],
    ["LockMode=COMPLIANCE", { LockMode: "COMPLIANCE" }],
    ["LockMode=COMPLIANCE,IndexTable=yes", { LockMode: "COMPLIANCE", IndexTable: "yes" }],
    ["BucketName=", { BucketName: "" }],
    [
      "KmsKeyArn=arn:aws:kms:eu-central-1:123456789012:key/0a-b,BucketName=some.bucket",
      { KmsKeyArn: "arn:aws:kms:eu-central-1:123456789012:key/0a-b", BucketName: "some.bucket" },
    ],
  ];
  test.each(cases)("--parameters: %p", (text, expected) => {
    expect(given(text)).toEqual({ PackageName: "p", ...expected });
  });

  test("a value may contain commas and =; only a name with = begins the next", () => {
    const free = readTemplate(
      "Parameters: { PackageName: { Type: String, Description: x }, A: { Type: String, Description: x }, B: { Type: String, Description: x } }",
    );
    const settings = givenSettings(free, { package: "p", export: undefined, parameters: "A=1,2,a/b=c=d,B=x," });
    expect(Object.fromEntries(settings)).toEqual({ PackageName: "p", A: "1,2,a/b=c=d", B: "x," });
  });

  test("--export is a parameter of the template", () => {
    expect(given(undefined, "other:bucket")).toEqual({ PackageName: "p", ExportName: "other:bucket" });
  });
});

describe("refused before any request:", () => {
  test.each([
    ["LockMod=COMPLIANCE", '"LockMod": the template has no such parameter; did you mean LockMode?'],
    ["Colour=red", '"Colour": the template has no such parameter; known are PackageName, BucketName, '],
    ["LockMode=compliance", '"LockMode=compliance": allowed is GOVERNANCE or COMPLIANCE'],
    ["LongestLockDays=8", '"LongestLockDays=8": allowed is a whole number from 9 to 36500'],
    ["LongestLockDays=36501", '"LongestLockDays=36501": allowed is a whole number from 9 to 36500'],
    ["LongestLockDays=010", '"LongestLockDays=010": allowed is a whole number from 9 to 36500'],
    ["ExpireAfterDays=00", '"ExpireAfterDays=00": allowed is a whole number from 0 to 36500'],
    ["LongestLockDays=1e3", '"LongestLockDays=1e3": allowed is a whole number from 9 to 36500'],
    [
      "BucketName=Capital",
      '"BucketName=Capital": allowed is: 3 to 63 lower-case letters, digits, dots and dashes, or nothing',
    ],
    ["LockMode", '"LockMode": it has no value; write Name=value,Name=value'],
    ["IndexTable=yes,IndexTable=no", '"IndexTable=no": the parameter is given twice'],
    ["PackageName=other", '"PackageName=other": it has an option of its own; give --package-name'],
    ["ExportName=other", '"ExportName=other": it has an option of its own; give --export'],
  ])("refused before any request: %s", (text, message) => {
    expect(() => given(text)).toThrow(`cannot use --parameters ${message}`);
  });

  test("a bad name of an export is reported by its option", () => {
    expect(() => given(undefined, "a b")).toThrow(
      'cannot use --export "a b": allowed is: Letters, digits, colons and dashes',
    );
  });
});

test("parameters that are not given get their defaults", () => {
  const all = withDefaults(template, new Map([["LockMode", "COMPLIANCE"]]));
  expect([...all.keys()]).toEqual([...template.parameters.keys()]);
  expect(all.get("LockMode")).toBe("COMPLIANCE");
  expect(all.get("ExportName")).toBe("backup-bucket");
  expect(all.get("BucketName")).toBe("");
});

test("a parameter without a default must be given", () => {
  const needs = readTemplate("Parameters: { A: { Type: String, Description: x } }");
  expect(() => withDefaults(needs, new Map())).toThrow('cannot use --parameters "A": it has no default; give A=value');
});

test.each([
  ["ExpireAfterDays=30", "an existing bucket keeps its own lifecycle rules"],
  ["ReplicationBucketArn=arn:aws:s3:::copy", "an existing bucket keeps its own replication"],
  ["BucketName=new", "it names a new bucket"],
])("%s is refused for a bucket that exists, and taken for a new one", (parameters, why) => {
  const settingsOf = (more: string) =>
    withDefaults(template, givenSettings(template, { package: "p", export: undefined, parameters: parameters + more }));
  expect(() => settingsOf(",ExistingBucket=there")).toThrow(why);
  expect(() => checkForExistingBucket(settingsOf(""))).toThrow(why);
  expect(settingsOf("").get("ExistingBucket")).toBe("");
});
