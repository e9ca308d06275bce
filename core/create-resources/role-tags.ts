/**
 * Checks that the roles of a stack have their tags, which machines are set up by. CloudFormation can make roles without any,
 * and say nothing, if it may not tag (iam:TagRole). AWS code is loaded lazily.
 */
import { requestHandler } from "../aws/handler.ts";
import { roleNames, roleTags } from "../aws/package.ts";
import { reasonOf } from "../failure.ts";
import type { StackDeps } from "./follow.ts";

/** Returns the keys of a role's tags. Rejects if there is no such role, or its tags may not be read. */
export type TagKeys = (role: string) => Promise<readonly string[]>;

/** Milliseconds before each further look: IAM may know a new role, and its tags, only after some seconds. */
const pauses: readonly number[] = [2_000, 4_000, 8_000];

/** Reports roles of the package that lack tags. Returns false if there are any. */
export async function checkRoleTags(
  name: string,
  tagKeys: TagKeys,
  { notify, sleep, signal }: Pick<StackDeps, "notify" | "sleep" | "signal">,
): Promise<boolean> {
  const left = [...pauses];
  for (;;) {
    const looks = await Promise.allSettled(roleNames.map((role) => lacksTags(`${name}-${role}`, tagKeys)));
    signal.throwIfAborted();
    const lacking = looks.flatMap((look) =>
      look.status === "fulfilled" && look.value !== undefined ? [look.value] : [],
    );
    const failed = looks.find((look) => look.status === "rejected");
    if (lacking.length === 0 && failed === undefined) return true;
    const pause = left.shift();
    if (pause !== undefined) {
      await sleep(pause);
      continue;
    }
    if (lacking.length === 0) {
      const message = `whether the roles have their tags could not be checked (${reasonOf(failed?.reason)}): allow iam:ListRoleTags`;
      notify({ level: "warning", code: "role-tags-not-checked", message });
      return true;
    }
    const message = `the roles ${lacking.join(", ")} lack tags that \`write-config\` needs, though the stack has them: allow iam:TagRole, and see docs/aws.md, "When it fails"`;
    notify({ level: "error", code: "role-tags-missing", message });
    return false;
  }
}

async function lacksTags(role: string, tagKeys: TagKeys): Promise<string | undefined> {
  const found = await tagKeys(role);
  return Object.values(roleTags).every((key) => found.includes(key)) ? undefined : role;
}

/** Asks IAM. */
export async function askTagKeys(region: string, signal: AbortSignal): Promise<TagKeys> {
  const { IAMClient, ListRoleTagsCommand } = await import("@aws-sdk/client-iam");
  const client = new IAMClient({ region, requestHandler: await requestHandler(signal) });
  return async (role) => {
    const { Tags = [] } = await client.send(new ListRoleTagsCommand({ RoleName: role }));
    return Tags.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
  };
}
