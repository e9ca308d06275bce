/**
 * An AWS account in moto, before and after `create-resources`. Between the program and moto
 * stands a server that keeps the boundaries of users, which moto forgets, asks the trust of roles, which moto does not, and
 * breaks what a test wants broken.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { CloudFormationClient, CreateStackCommand, waitUntilStackCreateComplete } from "@aws-sdk/client-cloudformation";
import {
  CreateAccessKeyCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListGroupsForUserCommand,
  ListUsersCommand,
} from "@aws-sdk/client-iam";
import { clientConfig, type MotoAddress } from "../../support/services.ts";
import { isTrusted } from "./trust.ts";

const templatePath = join(import.meta.dir, "../../../cfn/sysbackup.yaml");

/** The fate of a request: refused, done but not answered, or passed on if undefined. */
export type Fault = { readonly code: string; readonly status: number; readonly done: boolean } | undefined;

export type Account = AsyncDisposable & {
  readonly package: string;
  /** A user's name that no other test uses. */
  readonly user: string;
  /** An administrator's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly iam: IAMClient;
  /** Names of actions, in the order in which they were asked for. */
  readonly actions: string[];
  /** Decides over each action. */
  fault: (action: string) => Fault;
  /** What is left of the user: whether it is there, its groups, the number of its keys. */
  remains(): Promise<{ readonly exists: boolean; readonly groups: number; readonly keys: number }>;
  addKey(): Promise<void>;
};

/** An account with a stack; `parameters` are those of the template. */
export async function newAccount(
  moto: MotoAddress,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Account> {
  const account = emptyAccount(moto);
  await createStack(moto, account.package, parameters);
  return account;
}

/** Before `create-resources`. */
export function emptyAccount(moto: MotoAddress): Account {
  const unique = randomUUID().slice(0, 18);
  const name = `p-${unique}`;
  const boundaries = new Map<string, string>();
  const actions: string[] = [];
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(request) });
  const { region, accessKey, secretKey } = moto;
  const iam = new IAMClient(clientConfig(moto));
  const user = `user-${unique}`;

  async function answer(request: Request): Promise<Response> {
    const body = await request.text();
    const form = new URLSearchParams(body);
    const action = form.get("Action") ?? "";
    actions.push(action);
    const fault = account.fault(action);
    if (fault !== undefined && !fault.done) return refusal(fault);
    if (action === "AssumeRole" && !(await isTrusted(iam, request, form))) return refusal(denied);
    const { pathname, search } = new URL(request.url);
    const { method, headers } = request;
    const passed = await fetch(moto.endpoint + pathname + search, { method, headers, body, decompress: false });
    if (fault !== undefined) return refusal(fault);
    const boundary = form.get("PermissionsBoundary");
    if (action === "CreateUser" && boundary !== null) boundaries.set(form.get("UserName") ?? "", boundary);
    if (action !== "GetUser") return passed;
    const kept = boundaries.get(form.get("UserName") ?? "") ?? "";
    const added = `<PermissionsBoundary><PermissionsBoundaryArn>${kept}</PermissionsBoundaryArn></PermissionsBoundary></User>`;
    return new Response((await passed.text()).replace("</User>", added), { status: passed.status });
  }

  const account: Account = {
    package: name,
    user,
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${server.port}`,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secretKey,
    },
    iam,
    actions,
    fault: () => undefined,
    async remains() {
      const { Users = [] } = await iam.send(new ListUsersCommand({ PathPrefix: `/systems/${name}/` }));
      if (!Users.some(({ UserName }) => UserName === user)) return { exists: false, groups: 0, keys: 0 };
      const { Groups = [] } = await iam.send(new ListGroupsForUserCommand({ UserName: user }));
      const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName: user }));
      return { exists: true, groups: Groups.length, keys: AccessKeyMetadata.length };
    },
    addKey: async () => void (await iam.send(new CreateAccessKeyCommand({ UserName: user }))),
    async [Symbol.asyncDispose]() {
      iam.destroy();
      await server.stop(true);
    },
  };
  return account;
}

async function createStack(moto: MotoAddress, name: string, parameters: Readonly<Record<string, string>>) {
  const client = new CloudFormationClient(clientConfig(moto));
  const all = { PackageName: name, ExportName: `bucket-${name}`, ...parameters };
  await client.send(
    new CreateStackCommand({
      StackName: name,
      TemplateBody: await Bun.file(templatePath).text(),
      Parameters: Object.entries(all).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
      Capabilities: ["CAPABILITY_NAMED_IAM"],
    }),
  );
  await waitUntilStackCreateComplete({ client, maxWaitTime: 30, minDelay: 0.1 }, { StackName: name });
  client.destroy();
}

const denied = { code: "AccessDenied", status: 403, done: false } as const;

function refusal({ code, status }: NonNullable<Fault>): Response {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>made to fail</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  return new Response(body, { status, headers: { "content-type": "text/xml" } });
}
