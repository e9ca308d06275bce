/** The worst day: a machine without configuration, somebody's own keys, and a bucket that only its stack can name. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CloudFormationClient, CreateStackCommand } from "@aws-sdk/client-cloudformation";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import { exitStatus } from "../../core/failure.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { onTerminal } from "../support/pty.ts";
import { type Recorder, record, stsError } from "../support/recorder.ts";
import { clientConfig, has, moto, newBucket } from "../support/services.ts";

const code = "493817";
const roleOf = (role: string) => `arn:aws:iam::123456789012:role/systems/sysbackup/sysbackup-${role}`;

/** One backup in a bucket that a stack exports. Of several names, moto's listings leave out the first backup of each but the first. */
type Site = { readonly dir: Scratch; readonly bucket: string; readonly exported: string; readonly content: string };

let site: Site;

async function openSite(): Promise<Site> {
  if (!moto) throw new Error("moto is not there");
  const dir = await scratch();
  const bucket = await newBucket(moto, { lock: true });
  const exported = `backup-${randomUUID()}`;
  const { forcePathStyle: _, ...config } = clientConfig(moto);
  const client = new CloudFormationClient(config);
  await client.send(new CreateStackCommand({ StackName: exported, TemplateBody: template(exported, bucket) }));
  client.destroy();
  const content = `what was lost ${randomUUID()}\n`;
  const file = join(dir.path, "precious");
  await Bun.write(file, content);
  const { endpoint, region, accessKey, secretKey } = moto;
  const keys = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
  const sections = { s3: { bucket, endpoint, region }, backup: { name: "web1" } };
  const { conf } = await writeConf(dir.path, { sections, pickers: { one: `echo '${file}'` } });
  const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf], { env: keys });
  if (exit !== 0) throw new Error(stderr);
  return { dir, bucket, exported, content };
}

const template = (name: string, value: string) =>
  JSON.stringify({
    Resources: { Topic: { Type: "AWS::SNS::Topic" } },
    Outputs: { Bucket: { Value: value, Export: { Name: name } } },
  });

/** All that a fresh machine knows. */
function freshEnv(endpoint: string): Record<string, string> {
  const keys = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
  const places = { AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_S3: moto?.endpoint ?? "" };
  return { ...keys, ...places, PATH: process.env.PATH ?? "", HOME: site.dir.path, TERM: "dumb" };
}

const noConf = () => ["--conf-dir", join(site.dir.path, "no-such-folder")];

async function restored(target: string): Promise<string> {
  return readFile(join(target, site.dir.path, "precious"), "utf8");
}

const sent = ({ forms }: Recorder, action: string) => forms.filter((form) => form.get("Action") === action);

describe.skipIf(!moto || !has("python3"))("on a fresh machine", () => {
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(async () => {
    await site?.dir[Symbol.asyncDispose]();
  });

  test("restore finds the bucket by its export, and the backup by asking", async () => {
    await using aws = record(moto?.endpoint ?? "");
    const target = join(site.dir.path, "by-export");
    const words = ["restore", ...noConf(), "--cf-region", "us-east-1", "--export", site.exported, "--target", target];
    const answers = [
      { when: "Which backup? [1, q to quit]", type: "2" },
      { when: "Please answer with one of these", type: "1" },
    ];
    const { shown, exit } = await onTerminal(words, { env: freshEnv(aws.endpoint), answers });
    expect(shown).toContain("restored web1 of ");
    expect(exit).toBe(0);
    expect(await restored(target)).toBe(site.content);
    expect(shown).toMatch(/^1 +web1 +20[\d-]+ [\d:]+ UTC +\S+ +2? .* 20\d\d-\d\d-\d\d +complete/m);
    expect(sent(aws, "AssumeRole")).toEqual([]);
  });

  test("--package-name assumes the restore role, once for CloudFormation and S3", async () => {
    await using aws = record(moto?.endpoint ?? "");
    const target = join(site.dir.path, "by-role");
    const words = ["restore", "web1", ...noConf(), "--export", site.exported, "--cf-region", "us-east-1"];
    const env = { ...freshEnv(aws.endpoint), SYSBACKUP_DEBUG: "1" };
    const outcome = await sysbackup([...words, "--target", target, "--package-name", "office"], { env });
    expect(outcome).toMatchObject({ exit: 0, stderr: "" });
    expect(await restored(target)).toBe(site.content);
    expect(sent(aws, "AssumeRole").map((form) => form.get("RoleArn"))).toEqual([
      "arn:aws:iam::123456789012:role/systems/office/office-restore",
    ]);
  });

  test("--mfa asks for a code, once, and shows it nowhere", async () => {
    await using aws = record(moto?.endpoint ?? "");
    const target = join(site.dir.path, "by-code");
    const words = ["restore", "web1", ...noConf(), "--export", site.exported, "--cf-region", "us-east-1", "--mfa"];
    const device = "arn:aws:iam::123456789012:mfa/moto";
    const answers = [{ when: `Code of the MFA device ${device}:`, type: code }];
    const watch = watchArguments(code);
    const session = await onTerminal([...words, "--target", target], { env: freshEnv(aws.endpoint), answers });
    expect(await watch.stop()).toBe(0);
    expect(session.exit).toBe(0);
    expect(session.shown).not.toContain(code);
    expect(await restored(target)).toBe(site.content);
    const [signIn, ...more] = sent(aws, "GetSessionToken");
    expect(more).toEqual([]);
    expect([signIn?.get("SerialNumber"), signIn?.get("TokenCode")]).toEqual([device, code]);
    expect(sent(aws, "AssumeRole").map((form) => form.get("RoleArn"))).toEqual([roleOf("restore")]);
    expect(aws.forms.map((form) => form.get("Action")).at(-1)).toBe("ListExports");
  });

  test("each command of the worst day in docs/recovery.md does what it says", async () => {
    await using aws = record(moto?.endpoint ?? "");
    const page = await readFile(join(import.meta.dir, "../../docs/recovery.md"), "utf8");
    const day = page.slice(0, page.indexOf("## The index is lost"));
    const commands = [...day.matchAll(/^sysbackup (.*)$/gm)].map(([, words = ""]) => words.split(" "));
    expect(commands.map(([subcommand]) => subcommand)).toEqual(["list", "restore", "restore", "restore"]);
    // The last one restores over the running system.
    for (const [index, words] of commands.slice(0, -1).entries()) {
      const target = join(site.dir.path, `documented-${index}`);
      // What stands for the reader's own.
      const ours = {
        "eu-central-1": "us-east-1",
        "backup-bucket": site.exported,
        "/mnt/restored": target,
        "/etc": site.dir.path,
      };
      const meant = words.map((word) => Object.entries(ours).find(([theirs]) => theirs === word)?.[1] ?? word);
      const answers = [
        { when: "Code of the MFA device", type: code },
        { when: "Which backup?", type: "1" },
      ];
      const env = freshEnv(aws.endpoint);
      expect(await onTerminal([...meant, ...noConf()], { env, answers })).toMatchObject({ exit: 0 });
      if (words[0] === "restore") expect(await restored(target)).toBe(site.content);
    }
  });

  test("--mfa takes the device that IAM names, whatever its name", async () => {
    if (!moto) return;
    await using aws = record(moto.endpoint);
    const { forcePathStyle: _, ...config } = clientConfig(moto);
    const iam = new IAMClient(config);
    const UserName = `ann-${randomUUID()}`;
    await iam.send(new CreateUserCommand({ UserName, Path: "/people/" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    const made = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: `phone-${UserName}` }));
    const SerialNumber = made.VirtualMFADevice?.SerialNumber;
    const codes = { AuthenticationCode1: "111111", AuthenticationCode2: "222222" };
    await iam.send(new EnableMFADeviceCommand({ UserName, SerialNumber, ...codes }));
    iam.destroy();
    const keys = {
      AWS_ACCESS_KEY_ID: AccessKey?.AccessKeyId ?? "",
      AWS_SECRET_ACCESS_KEY: AccessKey?.SecretAccessKey ?? "",
    };
    const words = ["list", ...noConf(), "--bucket", site.bucket, "--mfa"];
    const answers = [{ when: `Code of the MFA device ${SerialNumber}:`, type: code }];
    expect(await onTerminal(words, { env: { ...freshEnv(aws.endpoint), ...keys }, answers })).toMatchObject({
      exit: 0,
    });
    expect(sent(aws, "GetSessionToken").map((form) => form.get("SerialNumber"))).toEqual([SerialNumber ?? ""]);
  });

  test("a wrong code is asked for again, and the third ends it", async () => {
    const refusal = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
    const isRight = (form: URLSearchParams) =>
      form.get("Action") !== "GetSessionToken" || form.get("TokenCode") === code;
    const refuse = (form: URLSearchParams) => (isRight(form) ? undefined : stsError("AccessDenied", refusal));
    await using aws = record(moto?.endpoint ?? "", refuse);
    const words = ["list", ...noConf(), "--bucket", site.bucket, "--mfa-device", "GAHT12345678"];
    const ask = "Code of the MFA device GAHT12345678:";
    const env = freshEnv(aws.endpoint);
    const second = [
      { when: ask, type: "000000" },
      { when: "the code is wrong, or was used before: wait for the next", type: code },
    ];
    expect(await onTerminal(words, { env, answers: second })).toMatchObject({ exit: 0 });

    const never = ["12345", "000000", "000001"].map((type) => ({ when: ask, type }));
    const { shown, exit } = await onTerminal(words, { env, answers: never });
    expect(exit).toBe(exitStatus.failed);
    expect(shown).toContain("a code has six digits");
    expect(shown).toContain(
      'cannot sign in with a code of the MFA device "GAHT12345678": the code is wrong, or was used before; run again',
    );
  });

  const refusals: readonly (readonly [
    name: string,
    words: readonly string[],
    action: string,
    said: string,
    reported: string,
  ])[] = [
    [
      "the role may not be assumed",
      ["--package-name", "office"],
      "AssumeRole",
      "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:AssumeRole",
      "add your user to the group office-restore-users; if the role needs a one-time code, give --mfa; check --package-name and --account",
    ],
    [
      "the code is of a device that the user has not",
      ["--mfa-device", "arn:aws:iam::123456789012:mfa/other"],
      "GetSessionToken",
      "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
      "this user has no such device; give its ARN or serial number with --mfa-device",
    ],
    [
      "the device was guessed by the user's name, and is another one",
      ["--mfa"],
      "GetSessionToken",
      "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
      "that it has the user's name was a guess, as the user may not list its devices (iam:ListMFADevices); give its ARN",
    ],
    [
      "the keys are of a session",
      ["--mfa"],
      "GetSessionToken",
      "Cannot call GetSessionToken with session credentials",
      "these are keys of a session, and only users have codes; use the access key of an IAM user; or leave out --mfa",
    ],
  ];
  test.each(refusals)("restore on a fresh machine reports it if %s", async (_, words, action, said, reported) => {
    const refuse = (form: URLSearchParams) =>
      form.get("Action") === action ? stsError("AccessDenied", said) : undefined;
    await using aws = record(moto?.endpoint ?? "", refuse);
    const env = freshEnv(aws.endpoint);
    const answers = [{ when: "Code of the MFA device", type: code }];
    const { shown, exit } = await onTerminal(["list", ...noConf(), "--bucket", site.bucket, ...words], {
      env,
      answers,
    });
    expect(shown).toContain(reported);
    expect(exit).toBe(exitStatus.failed);
  });

  test("expired and missing keys are reported", async () => {
    const refuse = () => stsError("ExpiredToken", "The security token included in the request is expired");
    await using aws = record(moto?.endpoint ?? "", refuse);
    const words = ["list", ...noConf(), "--bucket", site.bucket, "--package-name", "office"];
    const expired = await sysbackup(words, { env: freshEnv(aws.endpoint) });
    expect(expired.stderr).toContain("the credentials have expired");
    expect(expired.stderr).toContain("sign in with `aws configure`");
    const env = { ...freshEnv(aws.endpoint), AWS_ACCESS_KEY_ID: undefined, AWS_EC2_METADATA_DISABLED: "true" };
    const none = await sysbackup(words, { env });
    expect(none.stderr).toContain("cannot find out whose credentials these are: no usable credentials");
    expect([expired.exit, none.exit]).toEqual([exitStatus.failed, exitStatus.failed]);
  });

  test("without a terminal, a code cannot be asked for, and the message says so", async () => {
    const words = ["list", ...noConf(), "--bucket", site.bucket, "--mfa"];
    const { exit, stderr } = await sysbackup(words, { env: freshEnv(moto?.endpoint ?? ""), detached: true });
    expect(exit).toBe(exitStatus.failed);
    expect(stderr).toContain("there is no terminal; run it on a terminal: no option takes a code");
  });

  test.each([
    ["list", [], "restore"],
    ["verify", ["web1"], "audit"],
    ["verify", ["web1", "--read-data"], "restore"],
    ["verify", ["web1", "--live"], "audit"],
    ["prune", ["--keep-last", "9"], "steward"],
    ["renew", ["--stale", "9"], "steward"],
  ])("%s %j assumes the role that it needs: %s", async (subcommand, more, role) => {
    await using aws = record(moto?.endpoint ?? "");
    const words = [subcommand, ...more, ...noConf(), "--bucket", site.bucket, "--account", "123456789012"];
    const outcome = await sysbackup(words, { env: freshEnv(aws.endpoint) });
    // moto does not say how long an object is locked, so that prune reports what an earlier test noted under verified/.
    expect(outcome).toMatchObject({ exit: outcome.stderr.includes("/verified/") ? 3 : 0 });
    expect(sent(aws, "AssumeRole").map((form) => form.get("RoleArn"))).toEqual([roleOf(role)]);
    expect(sent(aws, "GetCallerIdentity")).toEqual([]);
  });

  test("a missing export is named with its region", async () => {
    const words = ["list", ...noConf(), "--cf-region", "us-east-1", "--export", "nothing"];
    const { exit, stderr } = await sysbackup(words, { env: freshEnv(moto?.endpoint ?? "") });
    expect(exit).toBe(exitStatus.usage);
    expect(stderr).toContain('CloudFormation export "nothing": there is no such export in us-east-1; check --export');
  });

  test("a missing region is reported", async () => {
    const env = { ...freshEnv(moto?.endpoint ?? ""), AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined };
    const { exit, stderr } = await sysbackup(["list", ...noConf(), "--export", "any"], { env });
    expect(exit).toBe(exitStatus.usage);
    expect(stderr).toContain("no region is set; give --cf-region");
  });
});

/** Looks for a text in the arguments of all processes, again and again; `stop` returns how often it was there. */
function watchArguments(text: string) {
  let found = 0;
  let over = false;
  const watching = (async () => {
    while (!over) {
      for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        const line = await readFile(`/proc/${id}/cmdline`, "latin1").catch(() => "");
        if (line.includes(text)) found++;
      }
      await Bun.sleep(5);
    }
  })();
  return {
    async stop() {
      over = true;
      await watching;
      return found;
    },
  };
}
