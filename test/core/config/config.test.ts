import { describe, expect, test } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../../core/config/config.ts";
import { configDigest } from "../../../core/config/digest.ts";
import { knownKeys } from "../../../core/config/schema.ts";
import { exitStatus } from "../../../core/failure.ts";
import { confFiles, refusal } from "./conf-files.ts";

const { scratch, confDirWith, load } = confFiles();

describe("a conf of s3-sysbackup", () => {
  const its = "[aws]\nprofile = p\nrole_arn = arn:aws:iam::1:role/r\n[content]\n";

  test("its defaults count, and each that ours would not choose is said", async () => {
    const { aws, content, legacy = [] } = await load(its);
    expect([aws.profile, aws.roleArn, content.daysRetained]).toEqual(["p", undefined, 14]);
    expect(legacy.map(({ message }) => message.split(":")[0])).toEqual([
      "days_retained is not set",
      "role_arn is ignored without credentials_file, as by s3-sysbackup",
    ]);
  });

  test("AWS_PROFILE comes before the profile in it", async () => {
    const before = process.env.AWS_PROFILE;
    process.env.AWS_PROFILE = "of-environment";
    try {
      expect((await load(its)).aws.profile).toBe("of-environment");
      expect((await load(`${its}[backup]\nname = x\n`)).aws.profile).toBe("p");
    } finally {
      if (before === undefined) delete process.env.AWS_PROFILE;
      else process.env.AWS_PROFILE = before;
    }
  });

  test.each(["[backup]\nname = x\n", "layout = packs\n", "[s3]\nregion = r\n"])(
    "one with a key of ours is ours: %j",
    async (more) => {
      const { aws, content, legacy } = await load(`${its}${more}`);
      expect([aws.roleArn, content.daysRetained, legacy]).toEqual(["arn:aws:iam::1:role/r", 30, undefined]);
    },
  );

  test("one without a section that s3-sysbackup needs is ours", async () => {
    expect((await load("[s3]\nbucket = backups\n[content]\n")).content.daysRetained).toBe(30);
    expect((await load("[aws]\nprofile = p\n[s3]\nbucket = backups\n")).content.daysRetained).toBe(30);
  });
});

test("an empty file gives the defaults", async () => {
  expect(await load("")).toEqual({
    aws: { profile: undefined, credentialsFile: undefined, roleArn: undefined },
    s3: {
      bucket: undefined,
      endpoint: undefined,
      region: undefined,
      pathStyle: false,
      maxRequests: 50,
      uploadLimit: [],
      downloadLimit: [],
    },
    cloudformation: { region: undefined, export: "backup-bucket" },
    content: {
      lockTimeout: 5_000,
      daysRetained: 30,
      layout: "packs",
      compression: "zstd",
      compressionLevel: 3,
      packSize: 16 * 1024 * 1024,
      repackBelow: 0.4,
      follow: "all",
      shareWith: [],
      believeVerified: true,
      pickerTimeout: 3_600_000,
      snapshotTimeout: 21_600_000,
      lockMode: "GOVERNANCE",
      workers: undefined,
    },
    backup: { name: "host", stateDir: "/var/cache/backup", passEnvironment: ["all"] },
    index: { dynamodbTable: undefined },
    dynamodb: { region: undefined, endpoint: undefined },
    bundles: [],
  });
});

describe("docs/configuration.md", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../../docs/configuration.md")).text();
  const example = /```ini\n(.*?)```/s.exec(page)?.[1] ?? "";

  test("the example of docs/configuration.md is read, value for value", async () => {
    expect(await load(example)).toEqual({
      aws: {
        profile: "backup",
        credentialsFile: "/etc/backup/credentials",
        roleArn: "arn:aws:iam::123456789012:role/backup-writer",
      },
      s3: {
        bucket: "s3://example-backups",
        endpoint: "https://s3.example.org:9000",
        region: "eu-central-1",
        pathStyle: true,
        maxRequests: 8,
        uploadLimit: [0, 1, 2, 3, 4, 5, 6].flatMap((day) => [
          { minute: day * 1440 + 480, rate: 2 * 1024 ** 2 },
          { minute: day * 1440 + 1080, rate: undefined },
        ]),
        downloadLimit: [{ minute: 0, rate: 20 * 1024 ** 2 }],
      },
      cloudformation: { region: "eu-central-1", export: "backup-bucket" },
      content: {
        lockTimeout: 5_000,
        daysRetained: 30,
        layout: "packs",
        compression: "zstd",
        compressionLevel: 3,
        packSize: 16 * 1024 * 1024,
        repackBelow: 0.4,
        follow: "all",
        shareWith: ["web1", "web2", "db1"],
        believeVerified: true,
        pickerTimeout: 3_600_000,
        snapshotTimeout: 21_600_000,
        lockMode: "GOVERNANCE",
        workers: 2,
      },
      backup: { name: "web1", stateDir: "/var/cache/backup", passEnvironment: ["all", "PGPASSWORD"] },
      index: { dynamodbTable: "sysbackup-index" },
      dynamodb: { region: "eu-central-1", endpoint: "https://dynamodb.example.org:8000" },
      encryption: {
        recipients: ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
        recipientsFile: "/etc/backup/recipients",
        sealThrough: undefined,
        secretFile: "/etc/backup/secret",
      },
      openThrough: "gpg --batch --quiet --decrypt",
      signingKeyFile: "/etc/backup/signing-key",
      bundles: [
        {
          name: "photos",
          path: "/srv/photos",
          depth: 1,
          compression: "zstd",
          storageClass: "DEEP_ARCHIVE",
          prefix: "photos",
          exclude: ["*.tmp", "/srv/photos/**/.thumbnails"],
          keyfile: "/etc/backup/bundle.key",
          index: "state",
        },
      ],
    });
  });

  const keys = [...knownKeys].flatMap(([section, names]) => names.map((key): [string, string] => [section, key]));
  test.each(keys)("[%s] %s is in the example and in the table", (section, key) => {
    // Those that exclude another key are commented out.
    expect(example).toMatch(new RegExp(`\n(# )?${key} = `));
    expect(page).toMatch(new RegExp(`^\\| \`${section}\` +\\| \`${key}\` +\\|`, "m"));
  });
});

describe("values", () => {
  type Picked = string | number | boolean | readonly (string | object)[] | undefined;
  const cases: [conf: string, pick: string, expected: Picked][] = [
    ["[s3]\nbucket = s3://plain", "s3.bucket", "s3://plain"],
    ["[s3]\nbucket = file:///srv/backups/", "s3.bucket", "file:///srv/backups"],
    ["[s3]\nendpoint = http://127.0.0.1:9000", "s3.pathStyle", true],
    ["[s3]\nendpoint = http://127.0.0.1:9000\npath_style = Off", "s3.pathStyle", false],
    ["[s3]\npath_style = 1", "s3.pathStyle", true],
    ["[s3]\nmax_requests = 1", "s3.maxRequests", 1],
    ["[backup]\npass_environment = none", "backup.passEnvironment", []],
    ["[backup]\npass_environment = PGHOST PGUSER", "backup.passEnvironment", ["PGHOST", "PGUSER"]],
    ["[s3]\nupload_limit = off", "s3.uploadLimit", [{ minute: 0, rate: undefined }]],
    ["[s3]\nupload_limit = 64K", "s3.uploadLimit", [{ minute: 0, rate: 65_536 }]],
    [
      "[s3]\ndownload_limit = Mon-08:00,1M\n  sun-7:05,off",
      "s3.downloadLimit",
      [
        { minute: 7 * 60 + 5, rate: undefined },
        { minute: (24 + 8) * 60, rate: 1_048_576 },
      ],
    ],
    ["[content]\nlock_timeout = 0.25", "content.lockTimeout", 250],
    ["[content]\nlock_timeout = 0", "content.lockTimeout", 0],
    ["[content]\npack_size = 1M", "content.packSize", 1_048_576],
    ["[content]\npack_size = 2097152", "content.packSize", 2_097_152],
    ["[content]\npack_size = 2048 KiB", "content.packSize", 2_097_152],
    ["[content]\npack_size = 256m", "content.packSize", 268_435_456],
    ["[content]\ncompression = gzip\nlayout = objects", "content.compressionLevel", 6],
    ["[content]\ncompression = none", "content.compressionLevel", 0],
    ["[content]\ncompression_level = 19", "content.compressionLevel", 19],
    ["[content]\nshare_with =\n  a,b\n  c", "content.shareWith", ["a", "b", "c"]],
    ["[content]\nfollow = picked", "content.follow", "picked"],
    ["[content]\nDAYS_RETAINED: 1", "content.daysRetained", 1],
    ["[backup]\nname = 007", "backup.name", "007"],
    ["[aws]\nrole_arn = arn:aws:iam:::role/ceph\n[s3]\nregion = default", "aws.roleArn", "arn:aws:iam:::role/ceph"],
  ];
  test.each(cases)("%j gives %s = %j", async (conf, pick, expected) => {
    expect(await load(conf)).toHaveProperty(pick, expected);
  });

  test("a relative credentials_file is beside conf", async () => {
    const confDir = await confDirWith("[aws]\ncredentials_file = credentials");
    const config = await loadConfig({ confDir, hostName: "host" });
    expect(config.aws.credentialsFile).toBe(join(confDir, "credentials"));
  });
});

describe("the command line", () => {
  test("the command line overrides conf", async () => {
    const config = await load("[s3]\nbucket = one\n[backup]\nname = one", { name: "two", bucket: "two" });
    expect([config.s3.bucket, config.backup.name]).toEqual(["s3://two", "two"]);
  });

  const cases: [option: "name" | "bucket", value: string, message: RegExp][] = [
    ["name", "a b", /^cannot use --name "a b": it is not allowed: give up to 128 letters/],
    ["bucket", "/srv", /^cannot use --bucket "\/srv": it is not allowed: give the name of a bucket/],
  ];
  test.each(cases)("--%s %s is refused like the key", async (option, value, message) => {
    const failure = await refusal(load("", { [option]: value }));
    expect(failure.message).toMatch(message);
    expect(failure.exit).toBe(exitStatus.usage);
  });

  test("a host name that is not a backup name is refused, with the remedy", async () => {
    const failure = await refusal(load("", { hostName: "my host" }));
    expect(failure.parts.remedy).toBe("set name in [backup], or give --name");
    expect((await load("", { hostName: "my host", name: "fine" })).backup.name).toBe("fine");
  });
});

describe("a conf that is no text file", () => {
  test.each<[string, (path: string) => unknown, string]>([
    ["a fifo, which nobody writes to", (path) => Bun.spawnSync(["mkfifo", path]), "it is not a regular file"],
    ["a link to a device without an end", (path) => symlink("/dev/zero", path), "it is not a regular file"],
    ["a file of 5 MiB", (path) => writeFile(path, "#".repeat(5 * 1024 ** 2)), "it has 5242880 bytes, more than"],
  ])("%s is refused", async (name, make, why) => {
    const confDir = join(scratch, name.replaceAll(" ", "-"));
    await mkdir(confDir);
    await make(join(confDir, "conf"));
    expect((await refusal(loadConfig({ confDir, hostName: "host" }))).parts.why).toStartWith(why);
  });

  test("twin: a link to a text file is read", async () => {
    const confDir = join(scratch, "linked");
    await mkdir(confDir);
    await writeFile(join(confDir, "there"), "[s3]\nbucket = linked\n");
    await symlink("there", join(confDir, "conf"));
    expect((await loadConfig({ confDir, hostName: "host" })).backup.name).toBe("host");
  });
});

describe("no conf", () => {
  const confDir = join(scratch, "absent");

  test("a missing conf is refused with what to do", async () => {
    const failure = await refusal(loadConfig({ confDir, hostName: "host", bucket: "given" }));
    expect(failure.message).toBe(
      `cannot read the configuration "${confDir}/conf": there is no such file; ` +
        "create it (docs/configuration.md has an example) or name its folder with --conf-dir",
    );
    expect(failure.exit).toBe(exitStatus.usage);
  });

  test("a missing optional conf is refused if no bucket is given", async () => {
    expect((await refusal(loadConfig({ confDir, hostName: "host", confOptional: true }))).exit).toBe(exitStatus.usage);
  });

  test("a missing optional conf gives the defaults if a bucket is given", async () => {
    const config = await loadConfig({ confDir, hostName: "host", bucket: "given", confOptional: true });
    expect(config).toEqual(await load("", { bucket: "given" }));
  });
});

describe("where to look the bucket up", () => {
  test("options to look the bucket up override the bucket of conf", async () => {
    const written = "[s3]\nbucket = one\n[cloudformation]\nregion = one\nexport = one";
    const byExport = await load(written, { export: "two" });
    expect([byExport.s3.bucket, byExport.cloudformation]).toEqual([undefined, { region: "one", export: "two" }]);
    const byRegion = await load(written, { region: "two" });
    expect([byRegion.s3.bucket, byRegion.cloudformation]).toEqual([undefined, { region: "two", export: "one" }]);
  });

  test.each([{ region: "two" }, { export: "two" }])("%j is enough without conf", async (given) => {
    const config = await loadConfig({
      confDir: join(scratch, "absent"),
      hostName: "host",
      confOptional: true,
      ...given,
    });
    expect(config).toEqual(await load("", given));
  });

  test("options to look the bucket up are refused together with --bucket", async () => {
    const failure = await refusal(load("", { bucket: "one", export: "two" }));
    expect(failure.message).toStartWith("cannot choose the bucket: ");
    expect(failure.exit).toBe(exitStatus.usage);
  });

  test("without conf, the error names both --bucket and the options to look it up", async () => {
    const failure = await refusal(
      loadConfig({ confDir: join(scratch, "absent"), hostName: "host", confOptional: true }),
    );
    expect(failure.parts.remedy).toContain("--bucket");
    expect(failure.parts.remedy).toContain("--cf-region and --export");
  });
});

test("an unreadable conf is not taken for a missing one", async () => {
  const confDir = join(scratch, "folder");
  await mkdir(join(confDir, "conf"), { recursive: true });
  const failure = await refusal(loadConfig({ confDir, hostName: "host", bucket: "given", confOptional: true }));
  expect(failure.message).toStartWith(`cannot read the configuration "${confDir}/conf": `);
  expect(failure.exit).toBe(exitStatus.usage);
});

test("a conf that is not UTF-8 is refused", async () => {
  const confDir = await confDirWith(Buffer.from("[aws]\nprofile = \xe9", "latin1"));
  expect((await refusal(loadConfig({ confDir, hostName: "host" }))).parts.why).toBe("it is not UTF-8 text");
});

describe("digest", () => {
  const base = "[content]\ndays_retained = 30\n";

  test("the digest is the same for the same shape of backups in another bucket", async () => {
    const elsewhere = `${base}lock_timeout = 1\n[s3]\nbucket = other\n[aws]\nprofile = other`;
    expect(configDigest(await load(base))).toMatch(/^[0-9a-f]{64}$/);
    expect(configDigest(await load(elsewhere))).toBe(configDigest(await load(base)));
  });

  const shapes = ["compression = none", "layout = objects", "pack_size = 32M", "lock_mode = COMPLIANCE"];
  test.each(shapes)("the digest differs with %s", async (line) => {
    expect(configDigest(await load(base + line))).not.toBe(configDigest(await load(base)));
  });

  test("the digest differs with the backup name", async () => {
    expect(configDigest(await load(base, { name: "other" }))).not.toBe(configDigest(await load(base)));
  });
});
