/** What becomes of a stack: it takes its time, fails, is in the way, or cannot be reached. */
import { describe, expect, test } from "bun:test";
import { connectStacks } from "../../../core/create-resources/cloudformation.ts";
import { createResources, type Resources } from "../../../core/create-resources/create.ts";
import { givenSettings } from "../../../core/create-resources/parameters.ts";
import { builtInTemplate } from "../../../core/create-resources/template.ts";
import { type UpdateDeps, updateResources } from "../../../core/create-resources/update.ts";
import type { Notice } from "../../../core/notice.ts";
import { CloudFormationDouble, type Step } from "./cloudformation-double.ts";
import { awsVariables, environment } from "./environment.ts";

const whole = "AWS::CloudFormation::Stack";
const name = "sysbackup";
const template = builtInTemplate();
const tags = { "sysbackup:package": name };
const parameters = { PackageName: name, LockMode: "GOVERNANCE", ExportName: "mine" };

function resources(written?: string): Resources {
  const settings = givenSettings(template, { package: name, export: undefined, parameters: written });
  return { stackName: name, package: name, template, settings };
}

const made: Step[] = [
  ["CREATE_IN_PROGRESS", "Bucket", "AWS::S3::Bucket"],
  ["CREATE_COMPLETE", "Bucket", "AWS::S3::Bucket"],
  ["CREATE_COMPLETE", name, whole],
];
const failing: Step[] = [
  ["CREATE_IN_PROGRESS", "Bucket", "AWS::S3::Bucket"],
  ["CREATE_FAILED", "BackupRole", "AWS::IAM::Role", "Resource creation cancelled"],
  ["CREATE_FAILED", "Bucket", "AWS::S3::Bucket", "the-bucket already exists"],
  ["ROLLBACK_IN_PROGRESS", name, whole, "The following resource(s) failed to create: [Bucket]."],
  ["DELETE_COMPLETE", "BackupRole", "AWS::IAM::Role"],
  ["ROLLBACK_COMPLETE", name, whole],
];
const deleted: Step[] = [["DELETE_COMPLETE", name, whole]];

type Rig = AsyncDisposable & {
  readonly double: CloudFormationDouble;
  readonly deps: UpdateDeps;
  /** Users of the backup role that have no name. */
  readonly nameless: string[];
  readonly notices: Notice[];
  readonly slept: number[];
  readonly controller: AbortController;
};

async function rig(
  onSleep: (double: CloudFormationDouble, controller: AbortController) => void = () => {},
): Promise<Rig> {
  const double = new CloudFormationDouble();
  const restored = environment(awsVariables(double.endpoint));
  const controller = new AbortController();
  const { signal } = controller;
  let tokens = 0;
  const stacks = await connectStacks({ region: "us-east-1", signal, token: () => `token${++tokens}` });
  const notices: Notice[] = [];
  const slept: number[] = [];
  const sleep = async (milliseconds: number) => {
    slept.push(milliseconds);
    onSleep(double, controller);
    signal.throwIfAborted();
  };
  const nameless: string[] = [];
  const usersWithoutName = async () => nameless;
  const deps = { stacks, notify: (notice: Notice) => void notices.push(notice), sleep, signal, usersWithoutName };
  return {
    double,
    deps,
    nameless,
    notices,
    slept,
    controller,
    async [Symbol.asyncDispose]() {
      stacks.close();
      restored[Symbol.dispose]();
      double[Symbol.dispose]();
    },
  };
}

const reported = (notices: readonly Notice[]) => notices.map(({ message }) => message);

describe("create", () => {
  test("create sends the template, all parameters, tags and protection, reports events once and in order, and waits in between", async () => {
    await using at = await rig();
    at.double.scripts.push(made);
    const stack = await createResources(resources("LockMode=COMPLIANCE"), at.deps);
    expect(stack).toMatchObject({ name, status: "CREATE_COMPLETE" });
    expect(stack.parameters.get("LockMode")).toBe("COMPLIANCE");
    expect([...stack.parameters.keys()]).toEqual([...template.parameters.keys()]);
    expect(Object.fromEntries(stack.tags)).toEqual(tags);
    expect(reported(at.notices)).toEqual([
      'CREATE_IN_PROGRESS AWS::CloudFormation::Stack "sysbackup"',
      'CREATE_IN_PROGRESS AWS::S3::Bucket "Bucket"',
      'CREATE_COMPLETE AWS::S3::Bucket "Bucket"',
      'CREATE_COMPLETE AWS::CloudFormation::Stack "sysbackup"',
    ]);
    expect(at.slept).toEqual([3_000]);
    expect(Object.fromEntries(at.double.lastForm)).toMatchObject({
      TemplateBody: template.text,
      "Capabilities.member.1": "CAPABILITY_NAMED_IAM",
      EnableTerminationProtection: "true",
      OnFailure: "ROLLBACK",
      RetainExceptOnCreate: "true",
      ClientRequestToken: "token1",
    });
  });

  test("a failure reports its cause and what to do, and the next attempt removes the empty stack and succeeds", async () => {
    await using at = await rig();
    at.double.scripts.push(failing);
    await expect(createResources(resources(), at.deps)).rejects.toThrow(
      'cannot create the stack "sysbackup": AWS::S3::Bucket "Bucket": the-bucket already exists; ' +
        "fix that, and run create-resources again: everything that this attempt made is removed",
    );
    expect(reported(at.notices)).toContain('CREATE_FAILED AWS::S3::Bucket "Bucket": the-bucket already exists');
    at.notices.length = 0;
    at.double.asked.length = 0;

    at.double.scripts.push(deleted, made);
    expect(await createResources(resources(), at.deps)).toMatchObject({ status: "CREATE_COMPLETE" });
    expect(at.notices[0]).toMatchObject({ code: "stack-cleared" });
    expect(at.double.asked.filter((action) => !action.startsWith("Describe"))).toEqual([
      "UpdateTerminationProtection",
      "DeleteStack",
      "CreateStack",
    ]);
    expect(at.double.names()).toEqual([name]);
  });

  test("a name that is exported already leads to --export", async () => {
    await using at = await rig();
    const clash = "Export with name backup-bucket is already exported by stack other. Rollback requested by user.";
    at.double.scripts.push([
      ["ROLLBACK_IN_PROGRESS", name, whole, clash],
      ["ROLLBACK_COMPLETE", name, whole],
    ]);
    await expect(createResources(resources(), at.deps)).rejects.toThrow(
      /exported by stack other.*; give another name with --export$/,
    );
  });

  test("a rollback that fails leads to the console", async () => {
    await using at = await rig();
    at.double.scripts.push([
      ["CREATE_FAILED", "Bucket", "AWS::S3::Bucket", "no"],
      ["ROLLBACK_FAILED", name, whole],
    ]);
    await expect(createResources(resources(), at.deps)).rejects.toThrow(
      /"Bucket": no; see the stack's events in the CloudFormation console/,
    );
  });

  test.each([
    ["CREATE_COMPLETE", /it already exists; change it with `sysbackup update-resources`/],
    ["UPDATE_ROLLBACK_COMPLETE", /it already exists; change it with `sysbackup update-resources`/],
    ["UPDATE_IN_PROGRESS", /with the status UPDATE_IN_PROGRESS; wait until CloudFormation is done/],
    ["ROLLBACK_IN_PROGRESS", /with the status ROLLBACK_IN_PROGRESS; wait until CloudFormation is done/],
    ["REVIEW_IN_PROGRESS", /a change set that nobody has executed: execute it, or delete the stack/],
    ["DELETE_FAILED", /fix the cause, and delete it \(aws cloudformation delete-stack --stack-name sysbackup\)/],
    ["ROLLBACK_COMPLETE", /its creation failed and it holds nothing/],
  ])("a stack of the name with the status %s, made by others, is left alone", async (status, message) => {
    await using at = await rig();
    at.double.plant(name, status);
    await expect(createResources(resources(), at.deps)).rejects.toThrow(message);
    expect(at.double.asked).toEqual(["DescribeStacks"]);
  });

  test("a lost answer makes no second stack, and no error", async () => {
    await using at = await rig();
    at.double.scripts.push(made);
    at.double.loses = "CreateStack";
    expect(await createResources(resources(), at.deps)).toMatchObject({ status: "CREATE_COMPLETE" });
    expect(at.double.asked.slice(0, 3)).toEqual(["DescribeStacks", "CreateStack", "CreateStack"]);
  });

  test("an interrupt ends the waiting, and reports that CloudFormation goes on", async () => {
    await using at = await rig((_, controller) => controller.abort(new Error("interrupted by SIGINT")));
    at.double.scripts.push(made);
    await expect(createResources(resources(), at.deps)).rejects.toThrow("interrupted by SIGINT");
    expect(at.notices.at(-1)).toMatchObject({ level: "warning", code: "stack-goes-on" });
    expect(at.double.names()).toEqual([name]);
  });
});

describe("update", () => {
  test("an update keeps what is not given, adds defaults of new parameters, and reports only new events", async () => {
    await using at = await rig();
    at.double.scripts.push(made);
    await createResources(resources(), at.deps);
    at.notices.length = 0;
    at.double.scripts.push([["UPDATE_COMPLETE", name, whole]]);
    const { stack, changed } = await updateResources(resources("LongestLockDays=50"), at.deps);
    expect({ changed, status: stack.status }).toEqual({ changed: true, status: "UPDATE_COMPLETE" });
    expect(reported(at.notices)).toEqual([
      'UPDATE_IN_PROGRESS AWS::CloudFormation::Stack "sysbackup"',
      'UPDATE_COMPLETE AWS::CloudFormation::Stack "sysbackup"',
    ]);
  });

  test("an update keeps previous values only for parameters that the stack has", async () => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters, tags });
    at.double.scripts.push([["UPDATE_COMPLETE", name, whole]]);
    await updateResources(resources("RequireMfaToRestore=yes"), at.deps);
    const sent = Object.fromEntries(at.double.lastForm);
    const of = (parameter: string) => {
      const number = [...template.parameters.keys()].indexOf(parameter) + 1;
      const at = `Parameters.member.${number}`;
      return [sent[`${at}.ParameterKey`], sent[`${at}.ParameterValue`], sent[`${at}.UsePreviousValue`]];
    };
    expect(of("ExportName")).toEqual(["ExportName", undefined, "true"]);
    expect(of("RequireMfaToRestore")).toEqual(["RequireMfaToRestore", "yes", undefined]);
    expect(of("LockMode")).toEqual(["LockMode", undefined, "true"]);
    expect(of("IndexTable")).toEqual(["IndexTable", "no", undefined]);
  });

  test("a failed update reports its cause, and leaves the stack as it was", async () => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters, tags });
    at.double.scripts.push([
      ["UPDATE_FAILED", "Bucket", "AWS::S3::Bucket", "Access denied"],
      ["UPDATE_ROLLBACK_IN_PROGRESS", name, whole, "The following resource(s) failed to update: [Bucket]."],
      ["UPDATE_ROLLBACK_COMPLETE", name, whole],
    ]);
    await expect(updateResources(resources(), at.deps)).rejects.toThrow(
      'cannot update the stack "sysbackup": AWS::S3::Bucket "Bucket": Access denied; fix that, and run update-resources again: the stack is as it was before',
    );
  });

  test("an update without a stack reports where it looked", async () => {
    await using at = await rig();
    await expect(updateResources(resources(), at.deps)).rejects.toThrow(
      /there is no such stack in the region us-east-1; check --cf-region and --stack-name, or make it/,
    );
  });

  test.each([
    ["UPDATE_IN_PROGRESS", /wait until CloudFormation is done with it/],
    ["ROLLBACK_COMPLETE", /sysbackup create-resources removes its own and starts again/],
    ["UPDATE_ROLLBACK_FAILED", /aws cloudformation continue-update-rollback --stack-name sysbackup/],
  ])("a stack with the status %s is left alone", async (status, message) => {
    await using at = await rig();
    at.double.plant(name, status, { parameters, tags });
    await expect(updateResources(resources(), at.deps)).rejects.toThrow(message);
    expect(at.double.asked).toEqual(["DescribeStacks"]);
  });

  test.each([
    ["another package", { PackageName: "other" }, /it belongs to the package "other"; give --package-name other/],
    [
      "s3-sysbackup, of the same package name",
      { PackageName: name, BucketName: "b", BucketExport: "e" },
      /it is a stack of s3-sysbackup: an update would delete its roles and groups; .*--adopt sysbackup/,
    ],
    ["another program, of the same package name", { PackageName: name }, /it is not a stack of sysbackup/],
    ["no package", { Colour: "red" }, /it is not a stack of sysbackup; check --stack-name/],
  ])("a stack of %s is left alone", async (_, others, message) => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters: others });
    await expect(updateResources(resources(), at.deps)).rejects.toThrow(message);
    expect(at.double.asked).toEqual(["DescribeStacks"]);
  });
});

test.each(["BucketName=other", "ExistingBucket=other"])(
  "an update to %s is refused: the backups are in this one",
  async (written) => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", {
      parameters: { ...parameters, BucketName: "", ExistingBucket: "" },
      tags,
    });
    await expect(updateResources(resources(written), at.deps)).rejects.toMatchObject({
      message: expect.stringContaining(`${written} would mean another bucket, without the backups; leave`),
      exit: 2,
    });
    expect(at.double.asked).toEqual(["DescribeStacks"]);
  },
);

describe("an update of the KMS key", () => {
  const key = (id: string) => `arn:aws:kms:eu-central-1:123456789012:key/${id}`;
  test.each(["KmsKeyArn=", `KmsKeyArn=${key("b")}`])(
    "an update of the KMS key to %j is refused: what is stored needs the old one",
    async (written) => {
      await using at = await rig();
      at.double.plant(name, "CREATE_COMPLETE", { parameters: { ...parameters, KmsKeyArn: key("a") }, tags });
      await expect(updateResources(resources(written), at.deps)).rejects.toMatchObject({
        message: expect.stringContaining("with another KmsKeyArn, its roles could not read"),
        exit: 2,
      });
      expect(at.double.asked).toEqual(["DescribeStacks"]);
    },
  );
});

describe("an update of a stack whose role takes machines without a name", () => {
  test("an update to tagged names is refused while there are untagged machines, and names them", async () => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters, tags });
    at.nameless.push(...Array.from({ length: 7 }, (_, n) => `backup-web${n}`));
    await expect(updateResources(resources(), at.deps)).rejects.toThrow(
      /could store no more backups, as the users have no tag sysbackup-name: "backup-web0", .*"backup-web4" and 2 more; run sysbackup write-config again on each machine/,
    );
    expect(at.double.asked).toEqual(["DescribeStacks"]);
  });

  test("an update to tagged names is made when all machines have one", async () => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters, tags });
    at.double.scripts.push([["UPDATE_COMPLETE", name, whole]]);
    expect(await updateResources(resources(), at.deps)).toMatchObject({ changed: true });
  });
});

describe("an update of the lock mode", () => {
  test.each([
    ["GOVERNANCE", "COMPLIANCE"],
    ["COMPLIANCE", "GOVERNANCE"],
  ])("from %s to %s is refused: old locks could never be extended", async (before, after) => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters: { ...parameters, LockMode: before }, tags });
    await expect(updateResources(resources(`LockMode=${after}`), at.deps)).rejects.toMatchObject({
      message: expect.stringContaining(
        `with LockMode=${after}, no lock of the mode ${before} could be extended any more; leave LockMode out`,
      ),
      exit: 2,
    });
    expect(at.double.asked).toEqual(["DescribeStacks"]);
  });

  test("to the mode that the stack has is no change", async () => {
    await using at = await rig();
    at.double.plant(name, "CREATE_COMPLETE", { parameters: { ...parameters, LockMode: "COMPLIANCE" }, tags });
    at.double.scripts.push([["UPDATE_COMPLETE", name, whole]]);
    const { stack } = await updateResources(resources("LockMode=COMPLIANCE"), at.deps);
    expect(stack.status).toBe("UPDATE_COMPLETE");
  });
});

describe("a refusal by AWS is reported with what to do:", () => {
  const user = "arn:aws:iam::123456789012:user/me";
  test.each([
    [
      "AccessDenied",
      `User: ${user} is not authorized to perform: cloudformation:DescribeStacks on resource: x`,
      `cannot look up the stack "sysbackup": ${user} is not allowed cloudformation:DescribeStacks; allow it, or use an administrator's credentials (AWS_PROFILE)`,
    ],
    ["ExpiredToken", "x", 'cannot look up the stack "sysbackup": the credentials have expired; get new ones'],
    ["InvalidClientTokenId", "x", 'the access key is unknown in the region "us-east-1"; check it and --cf-region'],
    ["SignatureDoesNotMatch", "x", "the secret key is wrong; set the keys of an administrator"],
    ["ValidationError", "1 error detected.", 'cannot look up the stack "sysbackup": 1 error detected'],
  ])("a refusal by AWS is reported with what to do: %s", async (code, message, expected) => {
    await using at = await rig();
    at.double.refusal = { code, message, status: code === "AccessDenied" ? 403 : 400, times: 9 };
    await expect(createResources(resources(), at.deps)).rejects.toThrow(expected);
    expect(at.double.asked).toHaveLength(1);
  });

  test("a throttled request is retried", async () => {
    await using at = await rig();
    at.double.scripts.push(made);
    at.double.refusal = { code: "Throttling", message: "Rate exceeded", status: 400, times: 1 };
    expect(await createResources(resources(), at.deps)).toMatchObject({ status: "CREATE_COMPLETE" });
  });
});
