/** Makes the requests to IAM for write-config, and words their errors. AWS code is loaded lazily. */
import type { IAMServiceException, Tag } from "@aws-sdk/client-iam";
import { requestHandler } from "../aws/handler.ts";
import { Failure, reasonOf } from "../failure.ts";
import type { KeyPair } from "./credentials-file.ts";

export type Tags = ReadonlyMap<string, string>;

type IamRole = { readonly name: string; readonly arn: string; readonly tags: Tags };

export type IamUser = {
  readonly path: string;
  /** ARN of the policy that limits the user's rights. */
  readonly boundary: string | undefined;
  readonly tags: Tags;
};

/** Requests to IAM, each a single action. An interrupt stops none half-way, so that the outcome is known. */
export type Iam = {
  /** Lists the roles under an IAM path. */
  roles(path: string): Promise<readonly IamRole[]>;
  /** Undefined if there is no user of that name. */
  user(name: string): Promise<IamUser | undefined>;
  groupsOf(user: string): Promise<readonly string[]>;
  keysOf(user: string): Promise<readonly { readonly id: string; readonly active: boolean }[]>;
  createUser(name: string, properties: IamUser): Promise<void>;
  deleteUser(name: string): Promise<void>;
  tag(user: string, key: string, value: string): Promise<void>;
  untag(user: string, key: string): Promise<void>;
  join(user: string, group: string): Promise<void>;
  leave(user: string, group: string): Promise<void>;
  /** Name of the user whose key it is; undefined if nobody's here. */
  userOfKey(id: string): Promise<string | undefined>;
  createKey(user: string): Promise<KeyPair>;
  deleteKey(user: string, id: string): Promise<void>;
};

export async function openIam(region: string | undefined): Promise<Iam> {
  const aws = await import("@aws-sdk/client-iam");
  const client = new aws.IAMClient({ requestHandler: await requestHandler(), ...(region !== undefined && { region }) });

  async function attempt<Answer>(doing: string, what: string, request: () => Promise<Answer>): Promise<Answer> {
    try {
      return await request();
    } catch (error) {
      throw refusal(doing, what, error);
    }
  }
  async function tagsOfRole(name: string): Promise<Tags> {
    return tagsOf((await client.send(new aws.ListRoleTagsCommand({ RoleName: name }))).Tags);
  }

  return {
    roles: (path) =>
      attempt("list the IAM roles", path, async () => {
        const found: IamRole[] = [];
        for await (const { Roles = [] } of aws.paginateListRoles({ client }, { PathPrefix: path })) {
          for (const { RoleName: name = "", Arn: arn = "" } of Roles)
            found.push({ name, arn, tags: await tagsOfRole(name) });
        }
        return found;
      }),
    user: (name) =>
      attempt("look up the IAM user", name, async () => {
        try {
          const { User } = await client.send(new aws.GetUserCommand({ UserName: name }));
          return (
            User && {
              path: User.Path ?? "/",
              boundary: User.PermissionsBoundary?.PermissionsBoundaryArn,
              tags: tagsOf(User.Tags),
            }
          );
        } catch (error) {
          if (error instanceof aws.NoSuchEntityException) return undefined;
          throw error;
        }
      }),
    groupsOf: (user) =>
      attempt("list the groups of the IAM user", user, async () => {
        const pages = await Array.fromAsync(aws.paginateListGroupsForUser({ client }, { UserName: user }));
        return pages.flatMap(({ Groups = [] }) => Groups.map(({ GroupName = "" }) => GroupName));
      }),
    keysOf: (user) =>
      attempt("list the keys of the IAM user", user, async () => {
        const { AccessKeyMetadata = [] } = await client.send(new aws.ListAccessKeysCommand({ UserName: user }));
        return AccessKeyMetadata.map(({ AccessKeyId = "", Status }) => ({
          id: AccessKeyId,
          active: Status === "Active",
        }));
      }),
    createUser: (name, { path, boundary, tags }) =>
      attempt("create the IAM user", name, async () => {
        const Tags = [...tags].map(([Key, Value]) => ({ Key, Value }));
        await client.send(
          new aws.CreateUserCommand({ UserName: name, Path: path, PermissionsBoundary: boundary, Tags }),
        );
      }),
    deleteUser: (name) =>
      attempt("delete the IAM user", name, async () => {
        await client.send(new aws.DeleteUserCommand({ UserName: name }));
      }),
    tag: (user, Key, Value) =>
      attempt("tag the IAM user", user, async () => {
        await client.send(new aws.TagUserCommand({ UserName: user, Tags: [{ Key, Value }] }));
      }),
    untag: (user, key) =>
      attempt("remove the tag of the IAM user", user, async () => {
        await client.send(new aws.UntagUserCommand({ UserName: user, TagKeys: [key] }));
      }),
    userOfKey: (id) =>
      attempt("find the IAM user of the key", id, async () => {
        return (await client.send(new aws.GetAccessKeyLastUsedCommand({ AccessKeyId: id }))).UserName;
      }),
    join: (user, group) =>
      attempt("add to the IAM group", group, async () => {
        await client.send(new aws.AddUserToGroupCommand({ UserName: user, GroupName: group }));
      }),
    leave: (user, group) =>
      attempt("remove from the IAM group", group, async () => {
        await client.send(new aws.RemoveUserFromGroupCommand({ UserName: user, GroupName: group }));
      }),
    createKey: (user) =>
      attempt("create a key of the IAM user", user, async () => {
        const { AccessKey } = await client.send(new aws.CreateAccessKeyCommand({ UserName: user }));
        if (!AccessKey?.AccessKeyId || !AccessKey.SecretAccessKey) throw new Error("the answer has no key");
        return { id: AccessKey.AccessKeyId, secret: AccessKey.SecretAccessKey };
      }),
    deleteKey: (user, id) =>
      attempt("delete the key of the IAM user", user, async () => {
        await client.send(new aws.DeleteAccessKeyCommand({ UserName: user, AccessKeyId: id }));
      }),
  };
}

function tagsOf(tags: readonly Tag[] = []): Tags {
  return new Map(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
}

const administrator =
  "run it with AWS credentials that may manage IAM users, in the environment or a profile (AWS_PROFILE)";

function refusal(doing: string, what: string, error: unknown): Failure {
  const failure = (why: string, remedy?: string) =>
    new Failure({ doing, what, why, ...(remedy !== undefined && { remedy }), cause: error });
  const reason = reasonOf(error);
  const name = error instanceof Error ? error.name : "";
  if (name === "CredentialsProviderError") return failure("there are no AWS credentials", administrator);
  if (/^AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken/.test(name)) {
    return failure(reason, administrator);
  }
  if (/Region is missing/.test(reason)) return failure("no region is set", "give --cf-region, or set AWS_REGION");
  return failure(reason);
}

/**
 * Returns whether the server refused: then nothing was changed. Otherwise it may have done what was asked, even if it answers that it
 * already exists (409), as the client repeats a request whose answer was lost.
 */
export function wasRefused(error: unknown): boolean {
  const cause = error instanceof Failure ? error.parts.cause : error;
  if (!isAnswer(cause)) return false;
  const status = cause.$metadata.httpStatusCode ?? 0;
  return status >= 400 && status < 500 && status !== 409;
}

function isAnswer(error: unknown): error is Pick<IAMServiceException, "$metadata"> {
  return error instanceof Error && "$metadata" in error && typeof error.$metadata === "object";
}
