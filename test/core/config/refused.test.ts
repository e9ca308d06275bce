/** What a conf may not say: the refusal names line, key, value, and what is allowed. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { loadConfig } from "../../../core/config/config.ts";
import { exitStatus } from "../../../core/failure.ts";
import { compressionNames } from "../../../core/format/codecs/codec.ts";
import { confFiles, refusal } from "./conf-files.ts";

const { confDirWith, load } = confFiles();

describe("refused by line, key, value, and what is allowed", () => {
  const retained = "give a whole number from 1 to 36500";
  const bucket = "give the name of a bucket, s3://name, or file:///path of a folder";
  const name = 'give up to 128 letters, digits, ".", "_" and "-", the first a letter or digit, and not "parts"';
  const url = "give a URL such as https://s3.example.org:9000, without user and password";
  const allowedCompression = `give ${compressionNames.join(", ").replace(/, (?=[^,]*$)/, " or ")}`;
  const rate =
    "give bytes per second from 64K to 64G, or off; or times with what holds from then on, such as 08:00,2M 18:00,off or Sat-00:00,10M";
  const variables = "give names of variables, separated by commas or spaces; all for all but credentials, or none";
  const cases: [section: string, key: string, value: string, allowed: string][] = [
    ["s3", "max_requests", "0", "give a whole number from 1 to 50"],
    ["s3", "max_requests", "51", "give a whole number from 1 to 50"],
    ["s3", "upload_limit", "0", rate],
    ["s3", "upload_limit", "512", rate],
    ["s3", "upload_limit", "65G", rate],
    ["s3", "upload_limit", "2M 08:00-18:00", rate],
    ["s3", "upload_limit", "08:00,2M 18:00", rate],
    ["s3", "upload_limit", "24:00,2M", rate],
    ["s3", "upload_limit", "08:60,2M", rate],
    ["s3", "upload_limit", "Day-08:00,2M", rate],
    ["s3", "upload_limit", "08:00,2M Mon-08:00,3M", rate],
    ["s3", "download_limit", Array.from({ length: 101 }, (_, at) => `${at % 24}:${at % 60},2M`).join(" "), rate],
    ["content", "days_retained", "0", retained],
    ["content", "days_retained", "36501", retained],
    ["content", "days_retained", "many", retained],
    ["content", "days_retained", "-3", retained],
    ["content", "days_retained", "1e3", retained],
    ["content", "days_retained", "", retained],
    ["content", "lock_timeout", "5s", "give seconds from 0 to 2147483"],
    ["content", "picker_timeout", "0", "give seconds from 1 to 2147483"],
    ["content", "snapshot_timeout", "2147484", "give seconds from 1 to 2147483"],
    ["content", "layout", "pack", "give packs or objects"],
    ["content", "follow", "yes", "give all, picked or none"],
    ["content", "compression", "bzip2", allowedCompression],
    ["content", "compression", "gzip", "packs consist of zstd frames: give zstd or none, or set layout = objects"],
    ["content", "compression_level", "20", "give a whole number from 1 to 19"],
    ["content", "pack_size", "512K", "give bytes from 1M to 256M"],
    ["content", "pack_size", "257M", "give bytes from 1M to 256M"],
    ["content", "pack_size", "16T", "give bytes from 1M to 256M"],
    ["content", "share_with", "a, .b", "give backup names, separated by commas or spaces, or * for all"],
    ["content", "share_with", "", "give backup names, separated by commas or spaces, or * for all"],
    ["content", "lock_mode", "governance", "give GOVERNANCE or COMPLIANCE"],
    ["backup", "name", "parts", name],
    ["backup", "name", "-web", name],
    ["backup", "name", "a/b", name],
    ["backup", "name", "x".repeat(129), name],
    ["backup", "state_dir", "cache", "give an absolute path"],
    ["backup", "pass_environment", "PGHOST=x", variables],
    ["backup", "pass_environment", "", variables],
    ["backup", "pass_environment", "none, PGHOST", "give none alone, or names of variables"],
    ["s3", "bucket", "/srv/backups", bucket],
    ["s3", "bucket", "file://srv/backups", bucket],
    ["s3", "bucket", "file:///", bucket],
    ["s3", "bucket", "s3://name/prefix", bucket],
    ["s3", "endpoint", "s3.example.org", url],
    ["s3", "endpoint", "https://user:secret@s3.example.org", url],
    ["s3", "path_style", "maybe", "give yes or no"],
    ["aws", "role_arn", "backup", "give the ARN of a role, such as arn:aws:iam::123456789012:role/name"],
    ["aws", "profile", "", "give a value, or leave the key out"],
  ];
  test.each(cases)(
    "refused by line, key, value, and what is allowed: [%s] %s = %s",
    async (section, key, value, allowed) => {
      const confDir = await confDirWith(`# comment\n[${section}]\n${key} = ${value}\n`);
      const failure = await refusal(loadConfig({ confDir, hostName: "host" }));
      expect(failure.parts.what).toBe(join(confDir, "conf"));
      expect(failure.parts.why).toBe(
        `line 3: ${key} = "${value.replace("user:secret", "…")}" in [${section}] is not allowed: ${allowed}`,
      );
      expect(failure.exit).toBe(exitStatus.usage);
    },
  );

  const levels: [name: string, conf: string, message: string][] = [
    [
      "gzip has fewer levels than zstd",
      "[content]\nlayout = objects\ncompression = gzip\ncompression_level = 10",
      'line 4: compression_level = "10" in [content] is not allowed: give a whole number from 1 to 9 for gzip',
    ],
    [
      "none has no level",
      "[content]\ncompression = none\ncompression_level = 1",
      'line 3: compression_level = "1" in [content] is not allowed: compression = none has no level: leave the key out',
    ],
    [
      "of several errors, the first in the file",
      "[content]\nlayout = x\n[backup]\nname = /\n[aws]\nfoo = 1",
      'line 2: layout = "x" in [content] is not allowed: give packs or objects',
    ],
  ];
  test.each(levels)("refused by line, key, value, and what is allowed: %s", async (_name, conf, message) => {
    expect((await refusal(load(conf))).parts.why).toBe(message);
  });
});

describe("unknown words name the nearest known one", () => {
  const cases: [conf: string, message: string][] = [
    ["[s3]\nbukket = a", 'line 2: there is no key "bukket" in [s3]: did you mean bucket?'],
    ["[content]\nday_retained = 3", 'line 2: there is no key "day_retained" in [content]: did you mean days_retained?'],
    ["[content]\n\nbucket = a", 'line 3: there is no key "bucket" in [content]: it belongs in [s3]'],
    [
      "[backup]\ncolour = a",
      'line 2: there is no key "colour" in [backup]: known are name, state_dir, pass_environment',
    ],
    ["[contnet]\n", "line 1: there is no section [contnet]: did you mean [content]?"],
    [
      "[DEFAULT]\n",
      "line 1: there is no section [DEFAULT]: known are [aws], [s3], [cloudformation], [content], [backup], [index], [dynamodb], [encryption], [signing], [bundle NAME]",
    ],
  ];
  test.each(cases)("unknown words name the nearest known one: %j", async (conf, message) => {
    const failure = await refusal(load(conf));
    expect(failure.parts.why).toBe(message);
    expect(failure.exit).toBe(exitStatus.usage);
  });
});

describe("missing keys are named with the line of their section", () => {
  const secret = "name the file with the secret: `sysbackup keygen` makes one";
  const cases: [conf: string, message: string][] = [
    ["[s3]\n[bundle x]\nkeep_links = 1", 'line 3: there is no key "keep_links" in [bundle x]'],
    ["[s3]\n[bundle x]\npth = /srv", 'line 3: there is no key "pth" in [bundle x]: did you mean path?'],
    ["[s3]\n[bundle x]\n", "line 2: [bundle x] needs path: name the folder or file by an absolute path"],
    ["[s3]\n[encryption]\nrecipients_file = /r", `line 2: [encryption] needs secret_file: ${secret}`],
  ];
  test.each(cases)("missing keys are named with the line of their section: %j", async (conf, message) => {
    expect((await refusal(load(conf))).parts.why).toStartWith(message);
  });
});
