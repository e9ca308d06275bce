import { describe, expect, test } from "bun:test";
import { inName, type SessionTags } from "../../../core/aws/in-name.ts";
import { isBackupRole, nameTag, roleArn } from "../../../core/aws/package.ts";

const place = { partition: "aws", account: "123456789012", package: "lab" };
const backup = roleArn(place, "backup");
const tagged = { Tags: [{ Key: nameTag, Value: "web1" }] };

function answer(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
}

/** Answers each request by whether it has tags, and keeps them. */
function sts(withTags: Error | string, without: Error | string) {
  const asked: SessionTags[] = [];
  const assume = async (tags: SessionTags) => {
    asked.push(tags);
    const outcome = tags.Tags === undefined ? without : withTags;
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  return { asked, assume };
}

describe("a role is assumed in the name of a machine", () => {
  test("a role is assumed with the name of the machine as the tag of the session, once", async () => {
    const { asked, assume } = sts("tagged", "plain");
    expect(await inName(backup, "web1", assume)).toEqual({ answer: "tagged", named: true });
    expect(asked).toEqual([tagged]);
  });

  test("a role is assumed without a tag if a stack of an earlier version denies tags", async () => {
    const { asked, assume } = sts(answer("AccessDenied", 403), "plain");
    expect(await inName(backup, "web1", assume)).toEqual({ answer: "plain", named: false });
    expect(asked).toEqual([tagged, {}]);
  });

  test("if a role is denied with and without a tag, the first answer counts", async () => {
    const [first, second] = [answer("AccessDenied", 403), answer("AccessDenied", 403)];
    await expect(inName(backup, "web1", sts(first, second).assume)).rejects.toBe(first);
  });

  test.each([
    ["an unknown key", answer("InvalidClientTokenId", 403)],
    ["a wrong secret", answer("SignatureDoesNotMatch", 403)],
    ["an expired session", answer("ExpiredTokenException", 403)],
    ["a busy server", answer("Throttling", 400)],
    ["a network that is down", new Error("ECONNREFUSED")],
  ])("a role is not asked for again without a tag after %s", async (_, error) => {
    const { asked, assume } = sts(error, "plain");
    await expect(inName(backup, "web1", assume)).rejects.toBe(error);
    expect(asked).toEqual([tagged]);
  });

  const others = [
    ...(["restore", "audit", "reader", "steward"] as const).map((role) => roleArn(place, role)),
    "arn:aws:iam::123456789012:role/backup",
    "arn:aws:iam::123456789012:role/systems/lab/other-backup",
    "arn:aws:iam::123456789012:role/ours/systems/lab/lab-backup",
  ];
  test.each(others)("the role %s, which takes no tags, gets none", async (arn) => {
    const { asked, assume } = sts("tagged", "plain");
    expect(await inName(arn, "web1", assume)).toEqual({ answer: "plain", named: false });
    expect(asked).toEqual([{}]);
  });

  test("roles of every package and partition are recognised", () => {
    expect(isBackupRole(roleArn({ ...place, partition: "aws-cn" }, "backup"))).toBe(true);
    expect(isBackupRole(roleArn({ ...place, account: "", package: "x-backup" }, "backup"))).toBe(true);
  });
});
