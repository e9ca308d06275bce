/** A run asks once for its keys and its role, however many clients need them: a program may ask somebody, and STS is slow. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CloudFormationClient, CreateStackCommand } from "@aws-sdk/client-cloudformation";
import { faultProxy } from "../support/faults/proxy.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { clientConfig, moto, newBucket } from "../support/services.ts";

const hour = 3_600_000;

/** `asked` counts: calls of the program for keys, and requests to assume a role. */
async function machine(folder: string, service: NonNullable<typeof moto>) {
  const asked = { program: 0, role: 0 };
  const proxy = faultProxy(service.endpoint, async (request, forward) => {
    if (request.method === "POST" && (await request.clone().text()).includes("Action=AssumeRole")) asked.role++;
    return forward();
  });
  const exported = `backup-${randomUUID()}`;
  await makeExport(service, exported, await newBucket(service, { lock: true }));
  const sections = {
    aws: { profile: "machine", role_arn: "arn:aws:iam::123456789012:role/systems/sysbackup/sysbackup-backup" },
    s3: { bucket: "", region: service.region },
    cloudformation: { region: service.region, export: exported },
  };
  const { conf } = await writeConf(folder, { sections, pickers: { one: "echo /etc/hostname" } });
  await writeFile(join(conf, "conf"), (await readFile(join(conf, "conf"), "utf8")).replace(/^bucket =.*$/m, ""));
  const [program, calls, config] = ["program", "calls", "config"].map((name) => join(folder, name));
  const Expiration = new Date(Date.now() + hour).toISOString();
  const keys = JSON.stringify({ Version: 1, AccessKeyId: "AKIDPROCESS", SecretAccessKey: "secret", Expiration });
  await writeFile(`${program}`, `#!/bin/sh\necho x >> '${calls}'\necho '${keys}'\n`, { mode: 0o755 });
  await writeFile(`${config}`, `[profile machine]\ncredential_process = ${program}\n`);
  const env = {
    AWS_CONFIG_FILE: config,
    AWS_ENDPOINT_URL: proxy.endpoint,
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
  };
  return {
    async run(...args: string[]) {
      asked.role = 0;
      await writeFile(`${calls}`, "");
      const outcome = await sysbackup([...args, "--conf-dir", conf], { env });
      asked.program = (await readFile(`${calls}`, "utf8")).length / 2;
      return { ...outcome, asked: { ...asked } };
    },
    [Symbol.dispose]: () => proxy[Symbol.dispose](),
  };
}

async function makeExport(service: NonNullable<typeof moto>, Name: string, Value: string): Promise<void> {
  const { forcePathStyle: _, ...config } = clientConfig(service);
  const client = new CloudFormationClient(config);
  const Resources = { Topic: { Type: "AWS::SNS::Topic" } };
  const template = JSON.stringify({ Resources, Outputs: { Bucket: { Value, Export: { Name } } } });
  await client
    .send(new CreateStackCommand({ StackName: Name, TemplateBody: template }))
    .finally(() => client.destroy());
}

test.skipIf(!moto)(
  "archive and doctor call a credential_process once, and assume the role once, for all clients",
  async () => {
    if (!moto) return;
    await using folder = await scratch();
    using one = await machine(folder.path, moto);
    const archived = await one.run("archive");
    expect(archived).toMatchObject({ exit: 0, asked: { program: 1, role: 1 } });
    const examined = await one.run("doctor");
    expect(examined.stdout).toContain("credentials");
    expect(examined.asked).toEqual({ program: 1, role: 1 });
  },
);
