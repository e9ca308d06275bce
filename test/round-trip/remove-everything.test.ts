/** "Remove everything" in docs/aws.md, as it is written there, with the AWS CLI against moto: nothing of the package is left but the bucket. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import {
  CreateAccessKeyCommand,
  CreateLoginProfileCommand,
  CreateVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  IAMClient,
  ListGroupsCommand,
  ListRolesCommand,
  ListUsersCommand,
  PutUserPolicyCommand,
  UploadSSHPublicKeyCommand,
} from "@aws-sdk/client-iam";
import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { packagePath, roleNames } from "../../core/aws/package.ts";
import { openIam } from "../../core/write-config/iam.ts";
import { awsVariables, environment } from "../core/create-resources/environment.ts";
import { residentAws } from "../support/aws-cli/aws-cli.ts";
import { faultProxy } from "../support/faults/proxy.ts";
import { sysbackup } from "../support/program.ts";
import { clientConfig, has, type MotoAddress, moto } from "../support/services.ts";

const page = await Bun.file(join(import.meta.dir, "../../docs/aws.md")).text();
const section = page.slice(page.indexOf("## Remove everything"));
const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text);

/** moto knows no credentials for services, of which `left` are users who have one, and not these actions, which go into `noted`. */
function completed(service: MotoAddress, left: Set<string>, noted: string[]) {
  return faultProxy(service.endpoint, async (request, forward) => {
    const form = new URLSearchParams(await request.clone().text());
    const [action, user = ""] = [form.get("Action"), form.get("UserName") ?? ""];
    const reply = (body: string) =>
      new Response(`<${action}Response><${action}Result>${body}</${action}Result></${action}Response>`, {
        headers: { "content-type": "text/xml" },
      });
    if (action === "ListServiceSpecificCredentials") {
      const one = `<member><ServiceSpecificCredentialId>ACCA${user}</ServiceSpecificCredentialId></member>`;
      return reply(`<ServiceSpecificCredentials>${left.has(user) ? one : ""}</ServiceSpecificCredentials>`);
    }
    if (action === "DeleteServiceSpecificCredential") left.delete(user);
    if (action === "DeleteServiceSpecificCredential") return reply("");
    if (action === "DeleteUserPermissionsBoundary" || action === "UpdateTerminationProtection") {
      noted.push(`${action} ${form.get("UserName") ?? form.get("StackName")}`);
      return reply("");
    }
    return action === "DeleteUser" && left.has(user) ? new Response("", { status: 409 }) : forward();
  });
}

test.skipIf(!moto || !has("aws"))(
  "the commands under Remove everything in docs/aws.md leave nothing of the package but its bucket",
  async () => {
    if (!moto) return;
    const name = `p-${randomUUID().slice(0, 8)}`;
    const [alice, bob, bucket] = [`alice-${name}`, `bob-${name}`, `bucket-${name}`];
    const credentials = new Set([alice]);
    const noted: string[] = [];
    using proxy = completed(moto, credentials, noted);
    const env = { ...awsVariables(proxy.endpoint), AWS_DEFAULT_REGION: moto.region };
    const place = ["--cf-region", moto.region, "--package-name", name, "--export", name];
    const made = ["create-resources", ...place, "--parameters", `BucketName=${bucket}`];
    expect(await sysbackup(made, { env })).toMatchObject({ exit: 0 });

    const client = new IAMClient(clientConfig(moto));
    using _ = environment(env);
    const iam = await openIam(moto.region);
    const boundary = (role: string) => `arn:aws:iam::123456789012:policy${packagePath(name)}${name}-${role}-boundary`;
    // One machine in all groups, as each call of the AWS CLI takes its time.
    const machine = `machine-${name}`;
    await iam.createUser(machine, { path: packagePath(name), boundary: boundary("backup"), tags: new Map() });
    for (const role of roleNames) await iam.join(machine, `${name}-${role}-users`);
    await iam.createKey(machine);
    for (const UserName of [alice, bob]) {
      await iam.createUser(UserName, { path: "/people/", boundary: boundary("restore"), tags: new Map() });
      await iam.join(UserName, `${name}-restore-users`);
      await client.send(new CreateAccessKeyCommand({ UserName }));
      await client.send(new CreateLoginProfileCommand({ UserName, Password: "correct horse 1" }));
      const device = await client.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: UserName }));
      const SerialNumber = device.VirtualMFADevice?.SerialNumber;
      const codes = { AuthenticationCode1: "111111", AuthenticationCode2: "222222" };
      await client.send(new EnableMFADeviceCommand({ UserName, SerialNumber, ...codes }));
      await client.send(new UploadSSHPublicKeyCommand({ UserName, SSHPublicKeyBody: "ssh-rsa AAAAB3NzaC1yc2E x" }));
      const PolicyDocument = JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Deny", Action: "s3:*", Resource: "*" },
      });
      await client.send(new PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
    }

    const script = blocks
      .join("\n")
      .replaceAll("sysbackup", name)
      .replaceAll(/\balice\b/g, alice)
      .replaceAll(/\bbob\b/g, bob);
    await using cli = await residentAws();
    const child = Bun.spawn(["sh", "-euc", script], {
      env: { ...process.env, ...env, PATH: `${cli.folder}:${process.env.PATH}` },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    expect(stdout.split(`user${packagePath(name)}${machine}`)).toHaveLength(1 + roleNames.length);

    const PathPrefix = packagePath(name);
    // moto deletes no managed policies with a stack, and lists the groups of every path: other tests have theirs.
    const [users, groups, roles] = await Promise.all([
      client.send(new ListUsersCommand({})),
      client.send(new ListGroupsCommand({})),
      client.send(new ListRolesCommand({ PathPrefix })),
    ]);
    const ours = users.Users?.filter(({ UserName }) => UserName?.endsWith(name)).map(({ UserName }) => UserName);
    expect(ours).toEqual([bob]);
    expect(groups.Groups?.filter(({ Path }) => Path === PathPrefix)).toEqual([]);
    expect(roles.Roles).toEqual([]);
    expect([...credentials]).toEqual([]);
    expect(noted).toEqual([`DeleteUserPermissionsBoundary ${bob}`, `UpdateTerminationProtection ${name}`]);
    const s3 = new S3Client(clientConfig(moto));
    expect((await s3.send(new HeadBucketCommand({ Bucket: bucket }))).$metadata.httpStatusCode).toBe(200);
    s3.destroy();
    client.destroy();
  },
  900_000,
);
