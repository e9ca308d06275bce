// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are policies' variables
/** Who may do what with the table of a fleet, in the policies of the template by AWS's rules. */
import { describe, expect, test } from "bun:test";
import { nameTag, type RoleName, roleNames } from "../../core/aws/package.ts";
import { sharedKeys } from "../../core/format/index/shared-chunk.ts";
import { judge } from "../support/cfn/judge.ts";
import { type Policy, renderPolicies } from "../support/cfn/policies.ts";

const { roles, table } = renderPolicies({ parameters: { IndexTable: "yes" } });
const arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/sysbackup-fleet";
/** Everything is allowed, but for what the table's own policy denies. */
const anything: Policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: ["*"] }] };

const [own, other, noted] = [{ name: "web1" }, { name: "web2" }, "verified"] as const;
const id = "0".repeat(64);
const keys = [
  ["an own chunk", sharedKeys.chunk(own, id)],
  ["an own bundle", "bundles/web1/srv/photos.tar.zst"],
  ["a chunk of another", sharedKeys.chunk(other, id)],
  ["a chunk of a name that begins alike", sharedKeys.chunk({ name: "web10" }, id)],
  ["a bundle of another", "bundles/web2/srv/photos.tar.zst"],
  ["what was read", sharedKeys.chunk(noted, id)],
  ["a key of the script", "srv/photos/2019.tar.bz2"],
] as const;
type Key = (typeof keys)[number][0];

const ids: Readonly<Record<RoleName, string>> = {
  backup: "AROABACKUPROLE",
  restore: "AROARESTOREROLE",
  audit: "AROAAUDITROLE",
  reader: "AROAREADERROLE",
  steward: "AROASTEWARDROLE",
};

function allowed(policies: readonly Policy[], role: RoleName | "stranger", action: string, resource = arn): Key[] {
  const names: Key[] = [];
  for (const [name, key] of keys) {
    const context = {
      "aws:userid": `${role === "stranger" ? "AIDAADMINISTRATOR" : ids[role]}:session`,
      "dynamodb:LeadingKeys": key,
      ...(role === "backup" && { [`aws:PrincipalTag/${nameTag}`]: "web1" }),
    };
    if (judge(policies, { action: `dynamodb:${action}`, resource, context }).allowed) names.push(name);
  }
  return names;
}

const tablePolicy = [anything, ...(table === undefined ? [] : [table])];

test("a stack without a table lets nobody use one", () => {
  const without = renderPolicies({ parameters: {} });
  expect(without.table).toBeUndefined();
  for (const { rights } of Object.values(without.roles)) expect(JSON.stringify(rights)).not.toContain("dynamodb:");
});

describe("the backup role", () => {
  const { rights } = roles.backup;

  test("puts only what is under its own name", () => {
    expect(allowed(rights, "backup", "PutItem")).toEqual(["an own chunk", "an own bundle"]);
  });

  test("looks up what machines and readers say of chunks, and its own bundles, whose keys have names", () => {
    expect(allowed(rights, "backup", "BatchGetItem")).toEqual([
      "an own chunk",
      "an own bundle",
      "a chunk of another",
      "a chunk of a name that begins alike",
      "what was read",
    ]);
  });

  test("uses no other table", () => {
    for (const action of ["PutItem", "BatchGetItem"]) expect(allowed(rights, "backup", action, `${arn}2`)).toEqual([]);
  });
});

test("the reader puts only what it has read, and looks up nothing else", () => {
  const { rights } = roles.reader;
  expect(allowed(rights, "reader", "PutItem")).toEqual(["what was read"]);
  expect(allowed(rights, "reader", "BatchGetItem")).toEqual(["what was read"]);
});

test("no other role uses the table", () => {
  for (const role of ["restore", "audit", "steward"] as const)
    for (const action of ["PutItem", "BatchGetItem", "GetItem", "Query", "Scan"])
      expect([role, allowed(roles[role].rights, role, action)]).toEqual([role, []]);
});

const removals = ["DeleteItem", "BatchWriteItem", "UpdateItem", "PartiQLDelete", "PartiQLUpdate", "PartiQLInsert"];

test("no role may delete or change an item, nor the table", () => {
  for (const role of roleNames)
    for (const action of [...removals, "DeleteTable", "UpdateTable", "PutResourcePolicy", "UpdateTimeToLive"])
      expect([role, action, allowed(roles[role].rights, role, action)]).toEqual([role, action, []]);
});

describe("the policy of the table, whatever others allow", () => {
  test("lets nobody delete or change an item", () => {
    for (const action of removals) expect(allowed(tablePolicy, "stranger", action)).toEqual([]);
  });

  test("lets nobody but machines and readers put", () => {
    for (const role of ["stranger", "restore", "audit", "steward"] as const)
      expect(allowed(tablePolicy, role, "PutItem")).toEqual([]);
  });

  test("lets nobody but readers put what all machines believe", () => {
    expect(allowed(tablePolicy, "backup", "PutItem")).not.toContain("what was read");
    expect(allowed(tablePolicy, "reader", "PutItem")).toContain("what was read");
  });
});
