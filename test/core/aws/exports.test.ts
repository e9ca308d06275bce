import { expect, test } from "bun:test";
import { type ExportsPage, findBucket } from "../../../core/aws/exports.ts";
import type { Config } from "../../../core/config/config.ts";
import { loadConfig } from "../../../core/config/config.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";

async function configWith(bucket: string): Promise<Config> {
  return loadConfig({ confDir: "/nonexistent", hostName: "host", bucket, confOptional: true });
}

async function configWithout(): Promise<Config> {
  const config = await configWith("any");
  return { ...config, s3: { ...config.s3, bucket: undefined } };
}

/** Serves the pages in order, and checks that each is asked for by the token that the one before it gave. */
function serving(pages: readonly Record<string, string>[]) {
  const asked: (string | undefined)[] = [];
  const list = async (next: string | undefined): Promise<ExportsPage> => {
    asked.push(next);
    const page = next === undefined ? 0 : Number(next);
    const exports = Object.entries(pages[page] ?? {}).map(([name, value]) => ({ name, value }));
    return { exports, next: page + 1 < pages.length ? String(page + 1) : undefined };
  };
  return { asked, connect: async () => list };
}

async function refusal(finding: Promise<unknown>): Promise<Failure> {
  const error = await finding.then(
    () => new Error("was found"),
    (reason: unknown) => reason,
  );
  if (error instanceof Failure) return error;
  throw error;
}

test("a configured bucket is taken without a request", async () => {
  const connect = () => Promise.reject(new Error("asked"));
  expect(await findBucket(await configWith("set"), connect)).toBe("s3://set");
});

test("the export is found on a later page, and no page after it is requested", async () => {
  const { asked, connect } = serving([{ other: "a" }, { "backup-bucket": "found" }, { more: "b" }]);
  expect(await findBucket(await configWithout(), connect)).toBe("s3://found");
  expect(asked).toEqual([undefined, "1"]);
});

test("an absent export is refused after the last page", async () => {
  const { asked, connect } = serving([{ other: "a" }, { more: "b" }]);
  const failure = await refusal(findBucket(await configWithout(), connect));
  expect(failure.message).toBe(
    'cannot find the bucket in the CloudFormation export "backup-bucket": there is no such export; ' +
      "check --export and --cf-region, or export and region in [cloudformation]; or give --bucket",
  );
  expect(failure.exit).toBe(exitStatus.usage);
  expect(asked).toEqual([undefined, "1"]);
});

test("an export whose value is not a bucket name is refused", async () => {
  const { connect } = serving([{ "backup-bucket": "arn:aws:s3:::x" }]);
  const failure = await refusal(findBucket(await configWithout(), connect));
  expect(failure.parts.why).toBe('its value "arn:aws:s3:::x" is not a bucket name');
});

test("a refusal by the service is reported as a Failure", async () => {
  const failure = await refusal(findBucket(await configWithout(), () => Promise.reject(new Error("Access Denied"))));
  expect(failure.message).toBe(
    'cannot find the bucket in the CloudFormation export "backup-bucket": no bucket is set, and the exports cannot be read: ' +
      "Access Denied; give --cf-region, or region in [cloudformation]; or name the bucket with --bucket or in [s3]",
  );
  expect(failure.exit).toBe(exitStatus.usage);
});
