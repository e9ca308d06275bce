/** Looking the bucket up in the exports of a real stack, as far as moto is real. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { CloudFormationClient, CreateStackCommand } from "@aws-sdk/client-cloudformation";
import { scratch } from "../../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../../support/program.ts";
import { clientConfig, moto } from "../../support/services.ts";

const template = (name: string, value: string) =>
  JSON.stringify({
    Resources: { Topic: { Type: "AWS::SNS::Topic" } },
    Outputs: { Bucket: { Value: value, Export: { Name: name } } },
  });

test.skipIf(!moto)("a conf without a bucket finds it in the CloudFormation export that it names", async () => {
  if (!moto) return;
  await using dir = await scratch();
  const name = `backup-${randomUUID()}`;
  const bucket = `file://${dir.path}/bucket`;
  const { forcePathStyle: _, ...config } = clientConfig(moto);
  const client = new CloudFormationClient(config);
  await client.send(new CreateStackCommand({ StackName: name, TemplateBody: template(name, bucket) }));
  client.destroy();

  const sections = { s3: { bucket: "" }, cloudformation: { region: moto.region, export: name } };
  const { conf, bucket: folder } = await writeConf(dir.path, { sections, pickers: { one: "echo /etc/hostname" } });
  await Bun.write(`${conf}/conf`, (await Bun.file(`${conf}/conf`).text()).replace(/^bucket =.*$/m, ""));
  const env = {
    AWS_ACCESS_KEY_ID: moto.accessKey,
    AWS_SECRET_ACCESS_KEY: moto.secretKey,
    AWS_ENDPOINT_URL_CLOUDFORMATION: moto.endpoint,
  };
  expect(await sysbackup(["archive", "--conf-dir", conf], { env })).toMatchObject({ exit: 0 });
  expect([...new Bun.Glob("manifests/test/*.jsonl.zst").scanSync(folder)]).toHaveLength(1);

  const wrong = (await Bun.file(`${conf}/conf`).text()).replace(name, `${name}-not`);
  await Bun.write(`${conf}/conf`, wrong);
  const failed = await sysbackup(["archive", "--conf-dir", conf], { env });
  expect(failed.exit).toBe(2);
  expect(failed.stderr).toContain(
    `cannot find the bucket in the CloudFormation export "${name}-not": there is no such export`,
  );
});
