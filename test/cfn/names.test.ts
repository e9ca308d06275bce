// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are policies' variables
/**
 * A machine's own name, in the policies of the template by AWS's rules: who gets a session in which name, and what it may store
 * there. What of it a real gateway shows, with the name in place of the variable, is in test/round-trip/permissions.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { nameTag, roleArn } from "../../core/aws/package.ts";
import { backupName } from "../../core/config/values.ts";
import { builtInTemplate } from "../../core/create-resources/template.ts";
import { keys } from "../../core/format/keys/keys.ts";
import { judge } from "../support/cfn/judge.ts";
import { type Policy, renderPolicies } from "../support/cfn/policies.ts";
import { render } from "../support/cfn/render.ts";

const bucket = "arn:aws:s3:::the-bucket";
const { roles, bucket: bucketPolicy } = renderPolicies({ parameters: { BucketName: "the-bucket" } });
const backup = roleArn({ partition: "aws", account: "123456789012", package: "sysbackup" }, "backup");
/** Everything is allowed, but for what the bucket policy denies. */
const anything: Policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: ["*"] }] };
const layers = { "the role's policy": roles.backup.rights, "the bucket policy": [anything, bucketPolicy] };

const run = { start: new Date(0), run: "00000000" };
const sha256 = "0".repeat(64);
/** Every key under a name. */
const keysOf = (name: string) => [
  keys.manifest(name, run),
  keys.part(name, sha256),
  keys.index(name, run),
  keys.snapshot(name, run.start, "db", ".zst"),
  `bundles/${name}/home/me.tar.zst`,
];
const shared = [keys.pack(sha256), keys.content(sha256)];

const lock = { "s3:object-lock-mode": "GOVERNANCE", "s3:object-lock-remaining-retention-days": "40" };
const session = (tags: Readonly<Record<string, string>>) => ({
  "aws:SecureTransport": "true",
  "aws:userid": "AROABACKUPROLE:sysbackup-web1",
  ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value])),
});

/** The keys among these under which a session with the tags may store. */
function storable(policies: readonly Policy[], tags: Readonly<Record<string, string>>, among: readonly string[]) {
  return among.filter((key) =>
    ["s3:PutObject", "s3:PutObjectRetention"].every(
      (action) =>
        judge(policies, { action, resource: `${bucket}/${key}`, context: { ...session(tags), ...lock } }).allowed,
    ),
  );
}

describe.each(Object.entries(layers))("by %s alone", (_, policies) => {
  test("a machine stores under its own name, and what is shared", () => {
    const own = [...keysOf("web1"), ...shared];
    expect(storable(policies, { [nameTag]: "web1" }, own)).toEqual(own);
  });

  test.each(["web2", "web10", "web", "WEB1", "web1.lan", "eb1", "parts", "*", "web*"])(
    "a machine web1 stores nothing under the name %j",
    (other) => {
      expect(storable(policies, { [nameTag]: "web1" }, keysOf(other))).toEqual([]);
    },
  );

  test.each([
    "verified/20261125T000000Z-00000000.jsonl.zst",
    "elsewhere",
    "index/x",
    "manifests/web1",
    "web1/x",
    "index/",
  ])("a machine web1 does not store %j", (key) => {
    expect(storable(policies, { [nameTag]: "web1" }, [key])).toEqual([]);
  });

  // IAM has no such tags, the program no such backup names (see below), and the values of variables are no patterns.
  test.each(["*", "?eb1", "web?", "w*", "${aws:username}", "$", "", "web1/../web2", "../web2"])(
    "a machine that is named %j stores under no name that a machine can have",
    (name) => {
      expect(storable(policies, { [nameTag]: name }, [...keysOf("web1"), ...keysOf("web2")])).toEqual([]);
    },
  );

  test("a session without a name stores nothing, not even what is shared", () => {
    expect(storable(policies, {}, [...keysOf("web1"), ...keysOf(""), ...shared])).toEqual([]);
    expect(storable(policies, { "sysbackup:name": "web1", name: "web1" }, keysOf("web1"))).toEqual([]);
  });
});

describe("a session in the backup role", () => {
  /** Whether a user with the tag gets a session with these tags. */
  function trusted(own: string | undefined, asked: Readonly<Record<string, string>>): boolean {
    const tags = Object.entries(asked).map(([key, value]) => [`aws:RequestTag/${key}`, value]);
    const principal = own === undefined ? {} : { [`aws:PrincipalTag/${nameTag}`]: own };
    // The judge takes one value a key: more than one session tag is tried by the one that must not be there.
    const all = Object.keys(asked).find((key) => key !== nameTag) ?? Object.keys(asked)[0];
    const context = { ...principal, ...Object.fromEntries(tags), ...(all !== undefined && { "aws:TagKeys": all }) };
    return ["sts:AssumeRole", "sts:TagSession"].every(
      (action) => judge([roles.backup.trust], { action, resource: backup, context }).allowed,
    );
  }

  test("a session in the backup role is for the name of the user's own tag", () => {
    expect(trusted("web1", { [nameTag]: "web1" })).toBe(true);
  });

  test.each([
    ["another name", "web1", { [nameTag]: "web2" }],
    ["a longer name", "web1", { [nameTag]: "web10" }],
    ["a shorter name", "web10", { [nameTag]: "web1" }],
    ["a name in other letters", "web1", { [nameTag]: "WEB1" }],
    ["no name", "web1", {}],
    ["a name, to a user without", undefined, { [nameTag]: "web1" }],
    ["no name, to a user without", undefined, {}],
    ["an empty name, to a user without", undefined, { [nameTag]: "" }],
    ["another tag", "web1", { name: "web1" }],
    ["one more tag", "web1", { [nameTag]: "web1", other: "x" }],
    ["a pattern", "web1", { [nameTag]: "web*" }],
    ["a name, to a user whose name is a pattern", "*", { [nameTag]: "web1" }],
  ] as const)("a session in the backup role is refused for %s", (_, own, asked) => {
    expect(trusted(own, asked)).toBe(false);
  });
});

test("a machine's user can assume its role in its name, and change no tag, neither its own nor the role's", () => {
  const document = z.looseObject({ PolicyDocument: z.custom<Policy>() });
  const { resources } = render(builtInTemplate().document);
  const boundary = document.parse(resources.BackupBoundary?.properties).PolicyDocument;
  const statement = boundary.Statement.map(({ Action, ...rest }) => ({
    ...rest,
    Action: [Action].flat(),
    Resource: [backup],
  }));
  const may = (action: string, resource: string) =>
    judge([{ ...boundary, Statement: statement }], { action, resource, context: {} }).allowed;
  expect(["sts:AssumeRole", "sts:TagSession"].map((action) => may(action, backup))).toEqual([true, true]);
  const user = "arn:aws:iam::123456789012:user/systems/sysbackup/backup-web1";
  for (const action of ["iam:TagUser", "iam:UntagUser", "iam:TagRole", "iam:CreateUser", "iam:PutUserPolicy"])
    for (const resource of [user, backup]) expect([action, may(action, resource)]).toEqual([action, false]);
  for (const policy of roles.backup.rights)
    expect(policy.Statement.flatMap(({ Action }) => Action).filter((one) => /^(iam|sts):|^\*/.test(one))).toEqual([]);
});

test("the role itself has no tag of the name, which its sessions would have in place of their own", () => {
  const tags = z.looseObject({ Tags: z.array(z.object({ Key: z.string() })) });
  const { resources } = render(builtInTemplate().document);
  expect(tags.parse(resources.BackupRole?.properties).Tags.map(({ Key }) => Key)).not.toContain(nameTag);
});

test("every backup name can be a tag's value, and none has a character of patterns", () => {
  const tagValue = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
  for (const name of ["a", "web1.example.com", "A-b_c.9", "x".repeat(128)]) {
    expect([name, backupName.safeParse(name).success, tagValue.test(name)]).toEqual([name, true, true]);
  }
  for (const name of ["*", "web*", "web?", "$", "${x}", "a/b", "", "parts", "ä", "x".repeat(129)])
    expect([name, backupName.safeParse(name).success]).toEqual([name, false]);
});
