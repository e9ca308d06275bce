/** A later version's template brought to a stack that exists, on moto. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { GetPolicyCommand, GetPolicyVersionCommand, IAMClient } from "@aws-sdk/client-iam";
import { connectStacks } from "../../../core/create-resources/cloudformation.ts";
import { createResources, type Resources } from "../../../core/create-resources/create.ts";
import { givenSettings } from "../../../core/create-resources/parameters.ts";
import { builtInTemplate, readTemplate, type Template } from "../../../core/create-resources/template.ts";
import { updateResources } from "../../../core/create-resources/update.ts";
import { clientConfig, moto } from "../../support/services.ts";
import { awsVariables, environment } from "./environment.ts";

/** The template with one more parameter, and one more right for the audit role. */
function changed({ text }: Template): Template {
  const action = "            Action: s3:GetObjectRetention\n";
  const parameter = "Parameters:\n  Colour:\n    Type: String\n    Description: New\n    Default: red\n";
  const changed = text
    .replace("Parameters:\n", parameter)
    .replace(
      new RegExp(`(AuditRights:[^]*?)${action}`),
      "$1            Action: [s3:GetObjectRetention, s3:GetBucketTagging]\n",
    );
  return readTemplate(changed);
}

test.skipIf(!moto)("an update brings a changed template, and keeps the parameters", async () => {
  if (!moto) return;
  using _ = environment(awsVariables(moto.endpoint));
  const { signal } = new AbortController();
  const stacks = await connectStacks({ region: moto.region, signal, token: randomUUID });
  const usersWithoutName = async () => [];
  const deps = { stacks, notify: () => {}, sleep: async () => {}, signal, usersWithoutName };
  const name = `t-${randomUUID().slice(0, 8)}`;
  const before = builtInTemplate();
  const resources = (template: Template, parameters?: string): Resources => {
    const settings = givenSettings(template, { package: name, export: undefined, parameters });
    return { stackName: name, package: name, template, settings };
  };
  const settings = new Map([...resources(before, "LongestLockDays=40").settings, ["ExportName", name]]);
  const made = await createResources({ ...resources(before), settings }, deps);
  expect(made.status).toBe("CREATE_COMPLETE");

  const { stack, changed: didChange } = await updateResources(resources(changed(before)), deps);
  expect([stack.status, didChange]).toEqual(["UPDATE_COMPLETE", true]);
  expect(Object.fromEntries(stack.parameters)).toMatchObject({
    LongestLockDays: "40",
    ExportName: name,
    Colour: "red",
  });
  expect(stack.outputs.get("Bucket")).toBe(made.outputs.get("Bucket") ?? "none");
  expect(await rights(`arn:aws:iam::123456789012:policy/systems/${name}/${name}-audit-rights`)).toContain(
    "s3:GetBucketTagging",
  );

  expect(await updateResources(resources(changed(before)), deps)).toMatchObject({ changed: false });
  stacks.close();
});

async function rights(PolicyArn: string): Promise<string> {
  if (!moto) return "";
  const { forcePathStyle: _, ...config } = clientConfig(moto);
  const iam = new IAMClient(config);
  const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
  const version = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }));
  iam.destroy();
  return decodeURIComponent(version.PolicyVersion?.Document ?? "");
}
