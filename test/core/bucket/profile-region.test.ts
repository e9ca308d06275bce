import { afterEach, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { s3Settings } from "../../../core/bucket/open.ts";
import { scratch } from "../../support/faults/scratch.ts";

const names = ["AWS_CONFIG_FILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"] as const;
const before = names.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

const regionOf = async (profile: string | undefined, region?: string) => {
  const places: string[] = [];
  const provide = async (place: { readonly region: string }) => void places.push(place.region);
  const settings = await s3Settings({ bucket: "a-bucket", region, profile, credentials: { provide } });
  // Roles are assumed in the same region.
  expect(places).toEqual([settings.region]);
  return settings.region;
};

test("the region of a bucket is that of conf, of the environment, of the profile, in this order", async () => {
  await using folder = await scratch();
  process.env.AWS_CONFIG_FILE = join(folder.path, "config");
  for (const name of names.slice(1)) delete process.env[name];
  const config = "[default]\nregion = eu-north-1\n[profile backup]\nregion = eu-central-1\n[profile bare]\n";
  await writeFile(process.env.AWS_CONFIG_FILE, config);
  expect(await regionOf("backup")).toBe("eu-central-1");
  expect(await regionOf(undefined)).toBe("eu-north-1");
  expect(await regionOf("bare")).toBe("us-east-1");
  expect(await regionOf("no-such-profile")).toBe("us-east-1");
  process.env.AWS_REGION = "eu-west-1";
  expect(await regionOf("backup")).toBe("eu-west-1");
  expect(await regionOf("backup", "eu-south-1")).toBe("eu-south-1");
});
