/** create-resources and update-resources as their users run them: without a request, against moto, and interrupted. */
import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import {
  GetGroupPolicyCommand,
  GetPolicyCommand,
  GetRoleCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRoleTagsCommand,
} from "@aws-sdk/client-iam";
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { z } from "zod";
import { roleNames } from "../../../../core/aws/package.ts";
import { builtInTemplate } from "../../../../core/create-resources/template.ts";
import { CloudFormationDouble } from "../../../core/create-resources/cloudformation-double.ts";
import { awsVariables } from "../../../core/create-resources/environment.ts";
import { startSysbackup, sysbackup } from "../../../support/program.ts";
import { clientConfig, moto } from "../../../support/services.ts";

const nowhere = { env: awsVariables("http://127.0.0.1:1") };
const parameterNames = [...builtInTemplate().parameters.keys()];

describe("create-resources --dry-run, without a region, keys or a network", () => {
  const env = { ...nowhere.env, AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };

  test("create-resources --dry-run prints the template, and its parameters as comments, without a region, keys or a network", async () => {
    const run = await sysbackup(["create-resources", "--dry-run", "--parameters", "LockMode=COMPLIANCE"], { env });
    expect(run).toMatchObject({ exit: 0, stderr: "" });
    expect(run.stdout).toStartWith(
      '# Stack "sysbackup": dry run, nothing was changed. Parameters:\n#   PackageName: sysbackup\n',
    );
    expect(run.stdout).toContain("\n#   LockMode: COMPLIANCE\n");
    expect(run.stdout).toEndWith(builtInTemplate().written);
  });

  test("--json prints one document, with the template as JSON that CloudFormation takes", async () => {
    const run = await sysbackup(["create-resources", "--dry-run", "--json", "--package-name", "p", "--export", "e"], {
      env,
    });
    expect(run).toMatchObject({ exit: 0, stderr: "" });
    const document = JSON.parse(run.stdout);
    expect(document).toMatchObject({ stack: "p", parameters: { PackageName: "p", ExportName: "e" } });
    expect(Object.keys(document.parameters)).toEqual(parameterNames);
    expect(document.template).toEqual(JSON.parse(JSON.stringify(builtInTemplate().document)));
  });
});

describe("wrong usage is reported before any request:", () => {
  test.each([
    [
      ["--parameters", "LockMod=GOVERNANCE"],
      'cannot use --parameters "LockMod": the template has no such parameter; did you mean LockMode?',
    ],
    [["--package-name", "a_b"], 'cannot use --package-name "a_b": it is not allowed'],
    [
      ["--package-name", "9x"],
      'cannot name the stack "9x": CloudFormation allows up to 128 letters, digits and dashes, a letter first; give --stack-name',
    ],
    [["--stack-name", "a/b"], 'cannot name the stack "a/b"'],
  ])("wrong usage is reported before any request: %j", async (words, message) => {
    for (const name of ["create-resources", "update-resources"]) {
      const run = await sysbackup([name, ...words], nowhere);
      expect(run).toMatchObject({ exit: 2, stdout: "" });
      expect(run.stderr).toStartWith(`sysbackup: ${message}`);
    }
  });
});

describe("without what a request needs:", () => {
  const words = ["create-resources", "--cf-region", "us-east-1"];
  test.each([
    [
      "nobody listens",
      words,
      {},
      'cannot look up the stack "sysbackup": cannot reach CloudFormation in the region "us-east-1": nothing listens there; check the network',
    ],
    [
      "no region",
      ["create-resources"],
      {},
      "cannot choose a region: no region is set; give --cf-region, or set AWS_REGION",
    ],
    [
      "no keys",
      words,
      { AWS_ACCESS_KEY_ID: undefined },
      'cannot look up the stack "sysbackup": no credentials are found; set the keys of an administrator',
    ],
  ])("without what a request needs: %s", async (_, given, env, message) => {
    const run = await sysbackup(given, { env: { ...nowhere.env, ...env } });
    expect(run).toMatchObject({ exit: 1, stdout: "" });
    expect(run.stderr).toContain(message);
  });
});

test("an interrupt while CloudFormation works ends with 130 and reports that it goes on", async () => {
  using double = new CloudFormationDouble();
  double.scripts.push(
    Array.from({ length: 99 }, (_, number) => ["CREATE_IN_PROGRESS", `R${number}`, "AWS::IAM::Role"]),
  );
  const child = startSysbackup(["create-resources", "--cf-region", "us-east-1"], {
    env: awsVariables(double.endpoint),
  });
  const stderr = child.stderr.text();
  while (!double.asked.includes("DescribeStackEvents")) await Bun.sleep(20);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await child.stdout.text()).toBe("");
  expect((await stderr).split("\n").slice(-3)).toEqual([
    "warning: CloudFormation goes on without this program; run the same command again later to see how it ended",
    "sysbackup: interrupted by SIGINT",
    "",
  ]);
  expect(double.names()).toEqual(["sysbackup"]);
});

const made = z.object({
  stack: z.string(),
  outcome: z.string(),
  status: z.string(),
  outputs: z.record(z.string(), z.string()),
});

/** Runs a subcommand on a package of its own. */
function onMoto(name: string) {
  const env = moto === undefined ? {} : awsVariables(moto.endpoint);
  const common = ["--cf-region", "us-east-1", "--package-name", name];
  return (subcommand: string, ...words: string[]) => sysbackup([subcommand, ...common, ...words], { env });
}

describe.skipIf(!moto)("against moto", () => {
  const newName = () => `t-${randomUUID().slice(0, 8)}`;

  test("create-resources makes everything from nothing; a second time is refused; an update changes what it is given, and nothing else", async () => {
    const name = newName();
    const run = onMoto(name);
    const first = await run("create-resources", "--export", name, "--parameters", `BucketName=${name}-bucket`);
    expect(first).toMatchObject({ exit: 0 });
    expect(first.stderr).toContain(`CREATE_COMPLETE AWS::CloudFormation::Stack "${name}"\n`);
    expect(first.stdout).toBe(
      [
        `created the stack "${name}" in us-east-1`,
        `  Export          ${name}`,
        `  Bucket          ${name}-bucket`,
        ...["Backup", "Restore", "Audit", "Reader", "Steward"].map(
          (role) =>
            `  ${`${role}RoleArn`.padEnd(14)}  arn:aws:iam::123456789012:role/systems/${name}/${name}-${role.toLowerCase()}`,
        ),
        "",
        "Next, on each machine to back up:",
        `  sysbackup write-config --package-name ${name} --user NAME`,
        "All backups stay until a steward removes old ones. To set one up, on a machine that nobody backs up:",
        `  sysbackup write-config --package-name ${name} --role steward --user backup-steward`,
        "  systemctl edit sysbackup-prune.service   # what it keeps: docs/retention.md",
        "",
      ].join("\n"),
    );
    await expectBucket(`${name}-bucket`, "GOVERNANCE");
    for (const role of roleNames) await expectRole(name, role, { mode: "GOVERNANCE", days: "100" });

    const second = await run("create-resources", "--export", name);
    expect(second).toMatchObject({ exit: 1, stdout: "" });
    expect(second.stderr).toContain(
      `cannot create the stack "${name}": it already exists; change it with \`sysbackup update-resources\``,
    );

    const same = await run("update-resources", "--json");
    expect(same).toMatchObject({ exit: 0, stderr: "" });
    expect(made.parse(JSON.parse(same.stdout))).toMatchObject({
      outcome: "nothing to update in",
      outputs: { Bucket: `${name}-bucket` },
    });

    const dry = await run("update-resources", "--parameters", "LongestLockDays=50", "--dry-run");
    expect(dry).toMatchObject({ exit: 0, stderr: "" });
    expect(dry.stdout.match(/^#.*# now.*$/gm)).toEqual(["#   LongestLockDays: 50   # now 100"]);

    for (const more of [["--dry-run"], []]) {
      const mode = await run("update-resources", "--parameters", "LockMode=COMPLIANCE", ...more);
      expect(mode).toMatchObject({ exit: 2, stdout: "" });
      expect(mode.stderr).toContain("with LockMode=COMPLIANCE, no lock of the mode GOVERNANCE could be extended");
    }
    await expectBucket(`${name}-bucket`, "GOVERNANCE");

    const other = await run("update-resources", "--parameters", "LongestLockDays=50");
    expect(other).toMatchObject({ exit: 0 });
    expect(other.stdout).toStartWith(`updated the stack "${name}" in us-east-1\n`);
    for (const role of roleNames) await expectRole(name, role, { mode: "GOVERNANCE", days: "50" });
  });

  test("with ExpireAfterDays, S3 hides what is old and removes what no lock holds; an update without it ends that", async () => {
    const name = newName();
    const run = onMoto(name);
    const wanted = `BucketName=${name}-bucket,ExpireAfterDays=30,NoncurrentDays=500`;
    const made = await run("create-resources", "--export", name, "--parameters", wanted);
    expect(made).toMatchObject({ exit: 0 });
    expect(made.stdout).toContain(
      "S3 removes what no lock holds, 30 days after it was stored: `sysbackup renew` keeps",
    );
    expect(made.stdout).not.toContain("steward removes");
    expect(await rulesOf(`${name}-bucket`)).toEqual([
      ["expire-covered-versions", undefined, 1],
      ["expire-current-versions", 30, undefined],
    ]);
    expect(await run("update-resources", "--parameters", "ExpireAfterDays=0")).toMatchObject({ exit: 0 });
    expect(await rulesOf(`${name}-bucket`)).toEqual([["expire-covered-versions", undefined, 500]]);
  });

  test("a bucket name that is taken is reported, and the failed attempt does not block the next one", async () => {
    const [first, second] = [newName(), newName()];
    const taken = `BucketName=${first}-bucket`;
    expect(await onMoto(first)("create-resources", "--export", first, "--parameters", taken)).toMatchObject({
      exit: 0,
    });
    const failed = await onMoto(second)("create-resources", "--export", second, "--parameters", taken);
    expect(failed).toMatchObject({ exit: 1, stdout: "" });
    expect(failed.stderr).toMatch(/cannot create the stack ".*": The requested bucket name is not available/);
    expect(await onMoto(second)("create-resources", "--export", second)).toMatchObject({ exit: 0 });
  });

  test("update-resources is refused if nothing was created", async () => {
    const failed = await onMoto(newName())("update-resources");
    expect(failed).toMatchObject({ exit: 1, stdout: "" });
    expect(failed.stderr).toContain("there is no such stack in the region us-east-1");
  });
});

/** Rules about versions: the days after which current ones are hidden, and noncurrent ones removed. */
async function rulesOf(Bucket: string) {
  if (!moto) return [];
  const s3 = new S3Client(clientConfig(moto));
  const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  s3.destroy();
  return Rules.filter(({ ID }) => ID !== "abort-unfinished-uploads").map(
    ({ ID, Expiration, NoncurrentVersionExpiration }) =>
      [ID, Expiration?.Days, NoncurrentVersionExpiration?.NoncurrentDays] as const,
  );
}

async function expectBucket(name: string, mode: "GOVERNANCE" | "COMPLIANCE"): Promise<void> {
  if (!moto) return;
  const s3 = new S3Client(clientConfig(moto));
  const Bucket = name;
  const lock = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
  expect(lock.ObjectLockConfiguration).toMatchObject({
    ObjectLockEnabled: "Enabled",
    Rule: { DefaultRetention: { Days: 8, Mode: mode } },
  });
  expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Enabled");
  const encryption = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
  expect(
    encryption.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm,
  ).toBe("AES256");
  const block = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
  expect(block.PublicAccessBlockConfiguration).toEqual({
    BlockPublicAcls: true,
    BlockPublicPolicy: true,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: true,
  });
  const lifecycle = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  expect(lifecycle.Rules?.map(({ ID }) => ID)).toEqual(["abort-unfinished-uploads", "expire-covered-versions"]);
  const policy = await s3.send(new GetBucketPolicyCommand({ Bucket }));
  const statements = z.object({ Statement: z.array(z.object({ Sid: z.string(), Condition: z.unknown().optional() })) });
  const { Statement } = statements.parse(JSON.parse(policy.Policy ?? ""));
  expect(Statement.find(({ Sid }) => Sid === "OneLockMode")?.Condition).toMatchObject({
    StringNotEquals: { "s3:object-lock-mode": mode },
  });
  s3.destroy();
}

async function expectRole(name: string, role: string, lock: { mode: string; days: string }): Promise<void> {
  if (!moto) return;
  const { forcePathStyle: _, ...config } = clientConfig(moto);
  const iam = new IAMClient(config);
  const RoleName = `${name}-${role}`;
  const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
  expect(Role?.Path).toBe(`/systems/${name}/`);
  const { Tags = [] } = await iam.send(new ListRoleTagsCommand({ RoleName }));
  const tags = Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
  expect(tags).toMatchObject({
    "sysbackup:package": name,
    "sysbackup:role": role,
    "sysbackup:bucket": `${name}-bucket`,
    "sysbackup:lock-mode": lock.mode,
    "sysbackup:longest-lock-days": lock.days,
  });
  const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  expect(AttachedPolicies.map(({ PolicyName }) => PolicyName)).toEqual([`${name}-${role}-rights`]);
  expect(Role?.PermissionsBoundary?.PermissionsBoundaryArn).toBe(AttachedPolicies[0]?.PolicyArn);
  const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn: tags["sysbackup:boundary"] }));
  expect(Policy?.PolicyName).toBe(`${name}-${role}-boundary`);
  const GroupName = tags["sysbackup:group"];
  const group = await iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName: "assume-the-role" }));
  expect(JSON.parse(decodeURIComponent(group.PolicyDocument ?? ""))).toEqual({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: role === "backup" ? ["sts:AssumeRole", "sts:TagSession"] : "sts:AssumeRole",
        Resource: Role?.Arn,
      },
    ],
  });
  iam.destroy();
}
