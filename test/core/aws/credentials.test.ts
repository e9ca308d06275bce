import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serviceCredentials } from "../../../core/aws/credentials.ts";
import { scratch } from "../../support/faults/scratch.ts";

describe("credentials that systemd gives a service", () => {
  test("a service's credentials are the file aws_credentials of its folder", async () => {
    await using dir = await scratch();
    const file = join(dir.path, "aws_credentials");
    await writeFile(file, "[default]\n");
    expect(serviceCredentials(dir.path)).toBe(file);
  });

  test("there are no service credentials outside of services", () => {
    expect(serviceCredentials(undefined)).toBeUndefined();
  });

  test("other credentials of a service are ignored", async () => {
    await using dir = await scratch();
    await mkdir(join(dir.path, "others"));
    await writeFile(join(dir.path, "others/aws_credentials"), "");
    expect(serviceCredentials(dir.path)).toBeUndefined();
    expect(serviceCredentials(join(dir.path, "absent"))).toBeUndefined();
  });
});
