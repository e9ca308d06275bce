/** Roles that a stack has made without their tags. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { IAMClient, ListRoleTagsCommand, UntagRoleCommand } from "@aws-sdk/client-iam";
import { roleNames, roleTags } from "../../../core/aws/package.ts";
import { checkRoleTags, type TagKeys } from "../../../core/create-resources/role-tags.ts";
import type { Notice } from "../../../core/notice.ts";
import { sysbackup } from "../../support/program.ts";
import { clientConfig, moto } from "../../support/services.ts";
import { awsVariables } from "./environment.ts";

const all = Object.values(roleTags);

async function checked(tagKeys: TagKeys) {
  const heard: Notice[] = [];
  let slept = 0;
  const sleep = async (milliseconds: number) => {
    slept += milliseconds;
  };
  const deps = { notify: (notice: Notice) => void heard.push(notice), sleep, signal: new AbortController().signal };
  const good = await checkRoleTags("p", tagKeys, deps);
  return { good, slept, codes: heard.map(({ code }) => code), text: heard.map(({ message }) => message).join() };
}

test("roles with all their tags are asked once, and nothing is said", async () => {
  const asked: string[] = [];
  const outcome = await checked(async (role) => {
    asked.push(role);
    return all;
  });
  expect(outcome).toMatchObject({ good: true, slept: 0, codes: [] });
  expect(asked).toEqual(roleNames.map((role) => `p-${role}`));
});

test("roles whose tags are seen only after some seconds are waited for", async () => {
  let asked = 0;
  const outcome = await checked(async () => {
    asked += 1;
    if (asked <= 3) throw new Error("NoSuchEntity");
    return asked <= 8 ? [] : all;
  });
  expect(outcome).toMatchObject({ good: true, codes: [] });
  expect(outcome.slept).toBeGreaterThan(0);
});

test.each(all)("a role without the tag %s is named, after a bounded time", async (missing) => {
  const keys = all.filter((key) => key !== missing);
  const outcome = await checked(async (role) => (role === "p-audit" ? keys : all));
  expect(outcome).toMatchObject({ good: false, codes: ["role-tags-missing"] });
  expect(outcome.text).toContain("p-audit");
  expect(outcome.text).not.toContain("p-backup");
  expect(outcome.slept).toBeWithin(1, 30_000);
});

test("tags that may not be read are no fault, and that is said", async () => {
  const outcome = await checked(() => Promise.reject(new Error("not authorized to perform: iam:ListRoleTags")));
  expect(outcome).toMatchObject({ good: true, codes: ["role-tags-not-checked"] });
  expect(outcome.text).toContain("not authorized");
});

test.skipIf(!moto)(
  "update-resources finds roles that have lost their tags, though it has nothing to update",
  async () => {
    if (!moto) return;
    const name = `p-${randomUUID().slice(0, 8)}`;
    const env = awsVariables(moto.endpoint);
    const place = ["--cf-region", moto.region, "--package-name", name];
    expect(await sysbackup(["create-resources", ...place, "--export", name], { env })).toMatchObject({ exit: 0 });
    const iam = new IAMClient(clientConfig(moto));
    const role = { RoleName: `${name}-steward` };
    const { Tags = [] } = await iam.send(new ListRoleTagsCommand(role));
    await iam.send(new UntagRoleCommand({ ...role, TagKeys: Tags.map(({ Key = "" }) => Key) }));
    iam.destroy();
    const found = await sysbackup(["update-resources", ...place], { env });
    expect(found).toMatchObject({ exit: 3, stdout: expect.stringContaining("nothing to update") });
    expect(found.stderr).toContain(`the roles ${name}-steward lack tags`);
  },
  120_000,
);
