/** Buckets that are not there, not reachable, or not what they must be. */
import { describe, expect, test } from "bun:test";
import { rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { exitStatus } from "../../core/failure.ts";
import { archiveRights, makeRole } from "../core/bucket/ceph-role.ts";
import { thorough } from "../round-trip/places.ts";
import { faultProxy } from "../support/faults/proxy.ts";
import { startSysbackup, sysbackup } from "../support/program.ts";
import { type CephAddress, ceph, clientConfig, moto, newBucket, type Service } from "../support/services.ts";
import { expectReported, Machine } from "./machine.ts";
import { messages, patternOf } from "./messages.ts";

const failed = exitStatus.failed;
const commands = [["archive"], ["list"], ["verify"], ["restore", "test"]] as const;

type Setting = Readonly<Record<string, string>>;
type Keys = Pick<Service, "accessKey" | "secretKey">;

const someKeys: Keys = { accessKey: "AKIAEXAMPLE", secretKey: "a-secret-that-nobody-may-see" };

/** A machine whose bucket is on S3; `keys` go to the credentials file that its configuration names. */
async function withS3(s3: Setting, keys: Keys = someKeys, aws: Setting = {}): Promise<Machine> {
  const sections = { aws: { credentials_file: "../credentials", ...aws }, s3: { region: "default", ...s3 } };
  const machine = await Machine.open({ sections });
  machine.secrets.push(keys.secretKey);
  await writeCredentials(machine, keys);
  return machine;
}

async function writeCredentials(machine: Machine, { accessKey, secretKey }: Keys): Promise<void> {
  const text = `[default]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
  await writeFile(machine.path("credentials"), text, { mode: 0o600 });
}

describe("a bucket in a folder", () => {
  test("a missing folder is reported, and works once it exists", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    await rename(machine.paths.bucket, machine.path("unmounted"));
    for (const words of commands) await machine.refuses(words, { exit: failed, message: messages.noDirectory });
    await rename(machine.path("unmounted"), machine.paths.bucket);
    await machine.isWell();
  });

  test("a file instead of a folder is reported", async () => {
    await using machine = await Machine.open({ sections: { s3: { bucket: "file:///etc/passwd" } } });
    await machine.refuses(["archive"], { exit: failed, message: messages.noDirectory });
  });
});

describe("an endpoint", () => {
  const page = (status: number) => () => new Response("<html>Welcome</html>", { status });
  for (const [name, answer] of [
    ["a web page", page(200)],
    ["a missing page", page(404)],
    ["words about HTTPS", () => new Response("this is an HTTPS port\n", { status: 400 })],
  ] as const) {
    test(`an endpoint that answers with ${name} is reported`, async () => {
      await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
      await using machine = await withS3({ bucket: "example", endpoint: server.url.origin });
      for (const words of [["archive"], ["list"]])
        await machine.refuses(words, { exit: failed, message: messages.notS3 });
    });
  }

  test("an endpoint that repeats a page of its list is reported", async () => {
    const marker = "<NextKeyMarker>manifests/a</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>";
    const page = `<ListVersionsResult><IsTruncated>true</IsTruncated>${marker}</ListVersionsResult>`;
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(page) });
    await using machine = await withS3({ bucket: "example", endpoint: server.url.origin });
    await machine.refuses(["list"], { exit: failed, message: messages.brokenList });
  });

  test("an endpoint that is away for a while is waited for, with a line for each attempt", async () => {
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("", { status: 503 }) });
    await using machine = await withS3({ bucket: "example", endpoint: server.url.origin });
    const { first, exit } = await stoppedAtFirstLine(machine);
    expect(first).toMatch(patternOf(messages.busy));
    expect(exit).toBe(exitStatus.interrupted);
  });

  test("an endpoint that does not speak HTTP is reported", async () => {
    await using server = await listening("SSH-2.0-example\r\n");
    await using machine = await withS3({ bucket: "example", endpoint: `http://127.0.0.1:${server.port}` });
    await machine.refuses(["list"], { exit: failed, message: messages.noHttp });
  });

  test("an endpoint without TLS is reported", async () => {
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: page(200) });
    await using machine = await withS3({ bucket: "example", endpoint: `https://127.0.0.1:${server.port}` });
    await machine.refuses(["list"], { exit: failed, message: messages.noTls });
  });

  const refused = "http://127.0.0.1:1";
  test("an endpoint without a listener is reported at once, and SIGTERM ends the wait for it", async () => {
    await using machine = await withS3({ bucket: "example", endpoint: refused });
    const { first, rest, exit } = await stoppedAtFirstLine(machine);
    expect(first).toMatch(patternOf(messages.retry));
    expect(exit).toBe(exitStatus.interrupted);
    expect(rest).toEndWith("sysbackup: interrupted by SIGTERM\n");
  });

  const patience = 90_000;
  for (const [name, endpoint, message] of [
    ["where nothing listens", refused, messages.refused],
    ["whose name does not resolve", "http://no-such-host.invalid:9000", messages.unresolved],
  ] as const) {
    test.skipIf(!thorough).concurrent(
      `${name} is given up after eight attempts`,
      async () => {
        await using machine = await withS3({ bucket: "example", endpoint });
        const { exit, stderr } = await machine.run("list");
        const lines = stderr.trimEnd().split("\n");
        expect(lines.slice(0, -1).filter((line) => patternOf(messages.retry).test(line))).toHaveLength(7);
        expect(lines.at(-1)?.replace("sysbackup: ", "")).toMatch(patternOf(message));
        expect([exit, lines.length]).toEqual([failed, 8]);
      },
      patience,
    );
  }

  test.skipIf(!thorough).concurrent(
    "an endpoint that accepts and never answers is reported within a minute, and tried again",
    async () => {
      await using server = await listening("");
      await using machine = await withS3({ bucket: "example", endpoint: `http://127.0.0.1:${server.port}` });
      const { first, exit } = await stoppedAtFirstLine(machine);
      expect(first).toMatch(patternOf(messages.silent));
      expect(exit).toBe(exitStatus.interrupted);
    },
    patience,
  );
});

/** A server that greets with these bytes, and says no more. */
async function listening(greeting: string) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (greeting !== "") socket.end(greeting);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a port was expected");
  return { port: address.port, [Symbol.asyncDispose]: async () => void server.close() };
}

async function stoppedAtFirstLine(machine: Machine) {
  const child = startSysbackup(["archive", "--conf-dir", machine.conf]);
  const decoder = new TextDecoder();
  let said = "";
  let stopped = 0;
  for await (const bytes of child.stderr) {
    said += decoder.decode(bytes, { stream: true });
    if (stopped > 0 || !said.includes("\n")) continue;
    stopped = performance.now();
    child.kill("SIGTERM");
  }
  const exit = await child.exited;
  expect(performance.now() - stopped).toBeLessThan(30_000);
  const [first = "", ...rest] = said.split("\n");
  return { first, rest: rest.join("\n"), exit };
}

describe("credentials", () => {
  const endpoint = "http://127.0.0.1:1";

  test("a missing credentials file is reported", async () => {
    await using machine = await withS3({ bucket: "example", endpoint }, someKeys, { credentials_file: "nowhere" });
    for (const words of commands) await machine.refuses(words, { exit: failed, message: messages.noCredentialsFile });
  });

  test("missing credentials are reported", async () => {
    await using machine = await Machine.open({ sections: { s3: { bucket: "example", endpoint, region: "default" } } });
    const env = {
      HOME: machine.path(),
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_PROFILE: undefined,
    };
    const outcome = await sysbackup(["list", "--conf-dir", machine.conf], { env });
    expectReported(outcome, { exit: failed, message: messages.noCredentials });
  });

  test("a missing profile is reported", async () => {
    await using machine = await withS3({ bucket: "example", endpoint }, someKeys, { profile: "backup" });
    await machine.refuses(["list"], { exit: failed, message: messages.noProfile });
  });

  test("a credentials file of another format is reported", async () => {
    await using machine = await withS3({ bucket: "example", endpoint });
    await writeFile(machine.path("credentials"), "hello\n");
    await machine.refuses(["list"], { exit: failed, message: messages.noProfile });
  });
});

describe.skipIf(ceph === undefined)("on Ceph", () => {
  const service = ceph ?? ({} as CephAddress);
  const onCeph = (bucket: string, keys: Keys = service, aws: Setting = {}) =>
    withS3({ bucket, endpoint: service.endpoint }, keys, aws);

  const wrongKeys = [
    ["an unknown key", { accessKey: "AKIANOBODY" }],
    ["a wrong secret", { secretKey: "another-secret-that-nobody-may-see" }],
  ] as const;
  test.each(wrongKeys)("%s is reported, and the right key then works", async (_, wrong) => {
    await using machine = await onCeph(await newBucket(service, { lock: true }), { ...service, ...wrong });
    for (const words of commands) await machine.refuses(words, { exit: failed, message: messages.denied });
    await writeCredentials(machine, service);
    await machine.isWell();
  });

  test("a missing role is reported", async () => {
    await using machine = await onCeph("example", service, { role_arn: "arn:aws:iam:::role/nobody" });
    for (const words of commands) await machine.refuses(words, { exit: failed, message: messages.noRole });
  });

  test("a role that may not be assumed is reported", async () => {
    const role_arn = await makeRole(service, archiveRights("example"), "somebody-else");
    await using machine = await onCeph("example", service, { role_arn });
    await machine.refuses(["archive"], { exit: failed, message: messages.untrustedRole });
  });

  test("a role that may put but not list archives with a notice, and else is reported, with the right that it lacks", async () => {
    const bucket = await newBucket(service, { lock: true });
    const role_arn = await makeRole(service, archiveRights(bucket));
    await using machine = await onCeph(bucket, service, { role_arn });
    const archived = await machine.run("archive");
    expect(archived.exit).toBe(0);
    expect(archived.stderr).toContain('the role may not list "index/"');
    for (const words of commands.filter(([name]) => name !== "archive")) {
      await machine.refuses(words, { exit: failed, message: messages.denied });
      expect((await machine.run(...words)).stderr).toContain("s3:ListBucket");
    }
  });

  test("a list of versions that lacks a backup is reported, and nothing removed", async () => {
    const bucket = await newBucket(service, { lock: true });
    const empty = "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>";
    const isVersions = ({ url }: Request) => new URL(url).searchParams.has("versions");
    using proxy = faultProxy(service.endpoint, (request, forward) =>
      isVersions(request) ? new Response(empty, { headers: { "content-type": "application/xml" } }) : forward(),
    );
    await using well = await onCeph(bucket);
    await well.archive();
    await using machine = await withS3({ bucket, endpoint: proxy.endpoint }, service);
    const rules = ["--keep-last", "1"];
    for (const words of [
      ["prune", ...rules],
      ["renew", "test", ...rules],
    ])
      await machine.refuses(words, { exit: failed, message: messages.twoLists });
    await well.isWell();
  });

  test("a missing bucket is reported", async () => {
    await using machine = await onCeph("no-such-bucket");
    for (const words of commands) await machine.refuses(words, { exit: failed, message: messages.noBucket });
  });

  test("a bucket without Object Lock is reported", async () => {
    await using machine = await onCeph(await newBucket(service, { lock: false }));
    await machine.refuses(["archive"], { exit: failed, message: messages.noLock });
  });

  test("a bucket without versions is reported", async () => {
    await using machine = await onCeph(await plainBucket(service));
    await machine.refuses(["archive"], { exit: failed, message: messages.noLock });
  });
});

describe.skipIf(moto === undefined)("on moto", () => {
  const service = moto ?? ({} as Service);

  test("a bucket without versions is reported", async () => {
    await using machine = await withS3({ bucket: await plainBucket(service), endpoint: service.endpoint }, service);
    machine.secrets.length = 0; // moto's secret is the word "test"
    await machine.refuses(["archive"], { exit: failed, message: messages.noLock });
  });
});

async function plainBucket(service: Service): Promise<string> {
  const client = new S3Client(clientConfig(service));
  const name = `test-${crypto.randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return name;
}
