// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are CloudFormation's
/** The renderer, against CloudFormation's own rules, and what it makes of the project's template. */
import { describe, expect, test } from "bun:test";
import { roleArn, roleNames } from "../../../core/aws/package.ts";
import { loadTemplate } from "../../../core/create-resources/short-tags.ts";
import { builtInTemplate } from "../../../core/create-resources/template.ts";
import { judge } from "./judge.ts";
import { policiesOf, renderPolicies } from "./policies.ts";
import { render } from "./render.ts";

const frame = `
Parameters:
  Given: { Type: String, Default: "" }
  Other: { Type: Number, Default: 7 }
Conditions:
  Has: !Not [!Equals [!Ref Given, ""]]
  Seven: !Equals [!Ref Other, "7"]
  Both: !And [!Condition Has, !Condition Seven]
  Either: !Or [!Condition Has, !Condition Seven]
Resources:
  Bucket: { Type: "AWS::S3::Bucket", Properties: { BucketName: the-bucket } }
  Role: { Type: "AWS::IAM::Role", Properties: { RoleName: !Sub "r-\${Other}", Path: /p/ } }
  Rights: { Type: "AWS::IAM::ManagedPolicy", Properties: { ManagedPolicyName: rights, Path: /p/ } }
  Optional: { Type: "AWS::S3::Bucket", Condition: Has }
Outputs:
  Value: { Value: VALUE }
`;

const cases: readonly [name: string, value: string, rendered: unknown][] = [
  ["a reference to a parameter, which is text", "!Ref Other", "7"],
  ["a reference to a bucket", "!Ref Bucket", "the-bucket"],
  ["a reference to a role", "!Ref Role", "r-7"],
  ["a reference to a managed policy", "!Ref Rights", "arn:aws:iam::123456789012:policy/p/rights"],
  ["an attribute", "!GetAtt Role.Arn", "arn:aws:iam::123456789012:role/p/r-7"],
  ["an attribute in a list", "!GetAtt [Bucket, Arn]", "arn:aws:s3:::the-bucket"],
  ["the ID of a role", "!GetAtt Role.RoleId", "AROAROLE"],
  [
    "a substitution",
    '!Sub "${AWS::Partition}:${Other}:${Bucket}:${Role.Arn}:${!Literal}"',
    "aws:7:the-bucket:arn:aws:iam::123456789012:role/p/r-7:${Literal}",
  ],
  [
    "a substitution with variables of its own",
    '!Sub ["${A}-${Other}", { A: !If [Has, x, !Ref Bucket] }]',
    "the-bucket-7",
  ],
  ["a join", '!Join ["-", [a, !Ref Other, b]]', "a-7-b"],
  ["a split", '!Split [",", !Sub "a,${Other}"]', ["a", "7"]],
  ["a choice", "!Select [1, [a, b, c]]", "b"],
  ["a condition that holds", "!If [Seven, y1, n1]", "y1"],
  ["a condition that does not", "!If [Has, y1, n1]", "n1"],
  ["both conditions", "!If [Both, y1, n1]", "n1"],
  ["either condition", "!If [Either, y1, n1]", "y1"],
  ["an item that is no value", "[a, !If [Has, b, !Ref AWS::NoValue], c]", ["a", "c"]],
  ["a property that is no value", "{ a: 1, b: !If [Has, b, !Ref AWS::NoValue] }", { a: 1 }],
  ["a long form", "{ 'Fn::Join': ['', [x, { Ref: Other }]] }", "x7"],
];

const rendered = (value: string, parameters = {}) =>
  render(loadTemplate(frame.replace("VALUE", value)), { parameters });

describe("rendering", () => {
  test.each(cases)("rendering: %s", (_, value, expected) => {
    expect<unknown>(rendered(value).outputs.Value).toEqual(expected);
  });

  test.each([
    ["a parameter that is not declared", "!Ref Nobody", {}, 'no resource or parameter "Nobody"'],
    ["a parameter that is given and not declared", "x", { Nobody: "x" }, 'no parameter "Nobody"'],
    ["a condition that is not declared", "!If [Nobody, a, b]", {}, 'no condition "Nobody"'],
    ["a function that is not known here", "{ 'Fn::Base64': x }", {}, "the function Fn::Base64 is not known here"],
    [
      "an attribute that is not known here",
      "!GetAtt Bucket.DomainName",
      {},
      "DomainName of AWS::S3::Bucket is not known here",
    ],
  ])("rendering refuses %s", (_, value, parameters, why) => {
    expect(() => rendered(value, parameters)).toThrow(why);
  });

  test("rendering leaves out resources whose condition does not hold", () => {
    expect(Object.keys(rendered("x").resources)).toEqual(["Bucket", "Role", "Rights"]);
    expect(Object.keys(rendered("x", { Given: "y" }).resources)).toContain("Optional");
  });
});

describe("the project's template", () => {
  const settings = {
    plain: {},
    "an existing bucket": { ExistingBucket: "theirs" },
    "a key": { KmsKeyArn: "arn:aws:kms:eu-central-1:123456789012:key/k" },
    "a copy": { ReplicationBucketArn: "arn:aws:s3:::copy" },
    "an index table": { IndexTable: "yes" },
    "a second factor": { RequireMfaToRestore: "yes" },
    "COMPLIANCE mode": { LockMode: "COMPLIANCE" },
    "another package": { PackageName: "other" },
  };
  test.each(Object.entries(settings))("the project's template renders completely with %s", (_, parameters) => {
    const { resources, outputs } = render(builtInTemplate().document, { parameters });
    expect(Object.keys(outputs)).toContain("StewardRoleArn");
    policiesOf({ resources, outputs });
    expect(JSON.stringify(resources)).not.toContain("undefined");
  });

  test("the project's template names its roles as core/config/package.ts does, and bounds each by its own rights", () => {
    const { outputs } = render(builtInTemplate().document, { parameters: { PackageName: "other" } });
    const place = { partition: "aws", account: "123456789012", package: "other" };
    expect(Object.values(outputs).slice(1)).toEqual(roleNames.map((role) => roleArn(place, role)));
    const { roles } = renderPolicies({ parameters: { PackageName: "other" } });
    for (const role of roleNames)
      expect(roles[role].boundary).toBe(`arn:aws:iam::123456789012:policy/systems/other/other-${role}-rights`);
  });
});

describe("a policy is judged so that", () => {
  const deny = (Condition: Record<string, Record<string, string[]>>) => [
    {
      Version: "2012-10-17" as const,
      Statement: [{ Sid: "no", Effect: "Deny" as const, Action: ["s3:Put*"], Condition }],
    },
  ];
  const put = (context = {}) => ({ action: "s3:PutObject", resource: "arn:aws:s3:::b/k", context });

  test.each([
    ["a negated operator holds without the key", { StringNotLike: { "aws:userid": ["A:*"] } }, {}, true],
    [
      "it does not hold if one value matches",
      { StringNotLike: { "aws:userId": ["B:*", "A:*"] } },
      { "aws:userid": "A:x" },
      false,
    ],
    ["it holds if none does", { StringNotLike: { "aws:userid": ["B:*", "C:*"] } }, { "aws:userid": "A:x" }, true],
    ["a plain operator does not hold without the key", { NumericGreaterThan: { days: ["9"] } }, {}, false],
    ["numbers are compared as numbers", { NumericGreaterThan: { days: ["9"] } }, { days: "10" }, true],
    ["Null asks for the key's absence", { Null: { mode: ["true"] } }, { mode: "x" }, false],
    [
      "all conditions have to hold",
      { Null: { mode: ["false"] }, StringNotEquals: { mode: ["x"] } },
      { mode: "x" },
      false,
    ],
    ["for all values, none are enough", { "ForAllValues:StringNotEquals": { via: ["x"] } }, {}, true],
  ])("a policy is judged so that: %s", (_, condition, context, denied) => {
    expect(judge(deny(condition), put(context)).deniedBy).toEqual(denied ? ["no"] : []);
  });

  const own = { Resource: ["arn:aws:s3:::b/${aws:PrincipalTag/name}/*"] };
  const tagged = (name: string, key: string) =>
    judge([{ Version: "2012-10-17" as const, Statement: [{ Effect: "Allow" as const, Action: ["s3:*"], ...own }] }], {
      action: "s3:PutObject",
      resource: `arn:aws:s3:::b/${key}`,
      context: { "aws:PrincipalTag/name": name },
    }).allowed;
  test("a policy variable stands for its value, whose wildcards stand for themselves", () => {
    expect([tagged("web1", "web1/x"), tagged("web1", "web10/x"), tagged("*", "web1/x"), tagged("*", "*/x")]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  test("a statement with a variable that has no value says nothing, whether it allows or denies", () => {
    const denial = { Sid: "no", Effect: "Deny" as const, Action: ["s3:*"], NotResource: own.Resource };
    expect(judge([{ Version: "2012-10-17", Statement: [denial] }], put()).deniedBy).toEqual([]);
    expect(
      judge([{ Version: "2012-10-17", Statement: [denial] }], put({ "aws:PrincipalTag/name": "x" })).deniedBy,
    ).toEqual(["no"]);
  });

  test("an action that nothing allows is denied, and a denial outweighs", () => {
    const allow = { Sid: "yes", Effect: "Allow" as const, Action: ["s3:*"], Resource: ["arn:aws:s3:::b/*"] };
    const policies = [{ Version: "2012-10-17" as const, Statement: [allow] }];
    expect(judge(policies, put()).allowed).toBe(true);
    expect(judge(policies, { ...put(), resource: "arn:aws:s3:::c/k" }).allowed).toBe(false);
    expect(judge([...policies, ...deny({})], put())).toEqual({ allowed: false, deniedBy: ["no"] });
  });
});
