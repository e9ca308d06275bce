import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { accountsFingerprint, groupId, groupName, userId, userName } from "../../../core/system/owners.ts";

/** Name and number of every account, from the system's own tool. */
function accounts(database: "passwd" | "group"): [name: string, id: number][] {
  const lines = execFileSync("getent", [database]).toString().trim().split("\n");
  return lines.map((line) => {
    const [name = "", , id = ""] = line.split(":");
    return [name, Number(id)];
  });
}

describe("users and groups", () => {
  test("users and groups are found by name and number as getent has them", () => {
    for (const [name, id] of accounts("passwd")) {
      expect(userId(name)).toBe(id);
      expect(userId(userName(id) ?? "")).toBe(id);
    }
    for (const [name, id] of accounts("group")) {
      expect(groupId(name)).toBe(id);
      expect(groupId(groupName(id) ?? "")).toBe(id);
    }
  });

  test("missing users and groups are undefined, also the second time", () => {
    for (let time = 0; time < 2; time++) {
      expect(userName(3_999_999_999)).toBeUndefined();
      expect(groupName(3_999_999_999)).toBeUndefined();
      expect(userId("no such user")).toBeUndefined();
      expect(groupId("")).toBeUndefined();
    }
  });

  test("a user and a group of the same number are not confused", () => {
    const [user, uid] = accounts("passwd").find(([name, id]) => name !== groupName(id)) ?? [];
    if (user === undefined || uid === undefined) return;
    expect(userName(uid)).not.toBe(groupName(uid));
  });
});

test("the fingerprint of the accounts is stable, and a SHA-256", async () => {
  expect(await accountsFingerprint()).toMatch(/^[0-9a-f]{64}$/);
  expect(await accountsFingerprint()).toBe(await accountsFingerprint());
});
