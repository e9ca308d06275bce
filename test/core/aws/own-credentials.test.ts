/** Credentials of profiles and files: read again when they change, asked for once, and with the cause when they fail. */
import { afterEach, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bucketCredentials, credentialProvider } from "../../../core/aws/credentials.ts";
import { openS3Bucket } from "../../../core/bucket/s3/bucket.ts";
import { scratch } from "../../support/faults/scratch.ts";

const names = [
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_PROFILE",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_EC2_METADATA_DISABLED",
] as const;
const before = names.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

const place = { region: "us-east-1" };
const settings = (profile?: string) => ({ profile, sessionName: "sysbackup-test", now: () => new Date() });

/** A machine whose SDK configuration is these files alone. */
async function machine(config: string, credentials = "") {
  const folder = await scratch();
  for (const name of names) delete process.env[name];
  process.env.AWS_EC2_METADATA_DISABLED = "true";
  process.env.AWS_CONFIG_FILE = join(folder.path, "config");
  process.env.AWS_SHARED_CREDENTIALS_FILE = join(folder.path, "credentials");
  await writeFile(process.env.AWS_CONFIG_FILE, config);
  await writeFile(process.env.AWS_SHARED_CREDENTIALS_FILE, credentials);
  return folder;
}

const keys = (id: string) => `aws_access_key_id = ${id}\naws_secret_access_key = secret\n`;

test.each([undefined, "backup"])(
  "keys that are rotated in the file are used by the next request (profile %p)",
  async (profile) => {
    await using folder = await machine("", `[${profile ?? "default"}]\n${keys("AKIDONE")}`);
    const used: string[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        used.push(/Credential=([^/]*)/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "none");
        const text = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        return new Response(text, { headers: { "content-type": "application/xml" } });
      },
    });
    const endpoint = server.url.origin;
    const credentials = await bucketCredentials(settings(profile)).provide({ ...place, endpoint });
    const bucket = await openS3Bucket({ bucket: "the-bucket", ...place, endpoint, pathStyle: true, credentials });
    const list = async () => {
      for await (const _ of bucket.list("p/"));
    };
    await list();
    await list();
    await writeFile(join(folder.path, "credentials"), `[${profile ?? "default"}]\n${keys("AKIDTWO")}`);
    await list();
    await bucket.close();
    expect(used).toEqual(["AKIDONE", "AKIDONE", "AKIDTWO"]);
  },
);

test.each([undefined, "backup"])(
  "a credential_process is asked once for all clients and requests (profile %p)",
  async (profile) => {
    await using folder = await machine("");
    const [program, calls] = [join(folder.path, "program"), join(folder.path, "calls")];
    const answer = JSON.stringify({ Version: 1, AccessKeyId: "AKIDPROCESS", SecretAccessKey: "secret" });
    await writeFile(program, `#!/bin/sh\necho x >> '${calls}'\necho '${answer}'\n`, { mode: 0o755 });
    const section = profile === undefined ? "default" : `profile ${profile}`;
    await writeFile(join(folder.path, "config"), `[${section}]\ncredential_process = ${program}\n`);
    const one = settings(profile);
    const providers = await Promise.all([credentialProvider(one, place), credentialProvider(one, place)]);
    for (const provider of [...providers, ...providers]) {
      expect(await provider()).toMatchObject({ accessKeyId: "AKIDPROCESS" });
    }
    expect(await readFile(calls, "utf8")).toBe("x\n");
  },
);

test.each([
  [undefined, "default"],
  ["backup", "profile backup"],
])("a credential_process that fails is named with what it said (profile %p)", async (profile, section) => {
  const command = "/bin/sh -c 'echo no ticket >&2; exit 3'";
  await using _ = await machine(`[${section}]\ncredential_process = ${command}\n`);
  const provider = await credentialProvider(settings(profile), place);
  expect(await provider().catch((error: Error) => error.message)).toBe(
    `cannot get credentials from the profile "${profile ?? "default"}": its credential_process failed: no ticket; run that program by hand to see why`,
  );
});

test("a credential_process that prints no JSON is named, and a profile without keys, too", async () => {
  await using folder = await machine("[profile junk]\ncredential_process = /bin/echo hello\n");
  const messageOf = async (profile: string) =>
    (await credentialProvider(settings(profile), place))().catch((error: Error) => error.message);
  expect(await messageOf("junk")).toContain("its credential_process failed: Profile junk credential_process returned");
  expect(await messageOf("absent")).toContain(`${JSON.stringify(join(folder.path, "credentials"))} has no keys for it`);
});

test("a credential_process whose keys expire is asked again shortly before, and after a failure, and once for all clients", async () => {
  await using folder = await machine("");
  const [program, calls] = [join(folder.path, "program"), join(folder.path, "calls")];
  let ahead = 0;
  const one = { ...settings("backup"), now: () => new Date(Date.now() + ahead) };
  const Expiration = new Date(Date.now() + 60 * 60_000).toISOString();
  const answer = JSON.stringify({ Version: 1, AccessKeyId: "AKIDPROCESS", SecretAccessKey: "secret", Expiration });
  const script = (end: string) => writeFile(program, `#!/bin/sh\necho x >> '${calls}'\n${end}\n`, { mode: 0o755 });
  await writeFile(join(folder.path, "config"), `[profile backup]\ncredential_process = ${program}\n`);
  const asked = async () => {
    const providers = await Promise.all([credentialProvider(one, place), credentialProvider(one, place)]);
    const outcomes = await Promise.allSettled([...providers, ...providers].map((provider) => provider()));
    return [new Set(outcomes.map(({ status }) => status)), (await readFile(calls, "utf8")).length / 2];
  };
  await script("exit 1");
  expect(await asked()).toEqual([new Set(["rejected"]), 1]);
  await script(`echo '${answer}'`);
  expect(await asked()).toEqual([new Set(["fulfilled"]), 2]);
  ahead = 53 * 60_000;
  expect(await asked()).toEqual([new Set(["fulfilled"]), 2]);
  ahead = 55 * 60_000;
  expect(await asked()).toEqual([new Set(["fulfilled"]), 3]);
});
