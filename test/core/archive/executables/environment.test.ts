import { describe, expect, test } from "bun:test";
import { passedEnvironment, withheldNotice } from "../../../../core/archive/executables/environment.ts";
import { Rig } from "../rig.ts";
import { script } from "../scripts.ts";

const all = ["all"];

describe("variables for pickers and snapshotters", () => {
  test("what a unit sets for pickers is passed on", () => {
    const set = {
      PGHOST: "/run/postgresql",
      PGPASSFILE: "/etc/pgpass",
      PYTHONPATH: "/opt/pickers",
      HTTPS_PROXY: "http://proxy.example.org:3128",
      MONKEY: "banana",
      COMPASS: "north",
      INPUT: "output",
      EDITOR_PATH: "/usr/bin/vi",
      MODE: "basic setup",
      EMPTY: "",
    };
    expect(passedEnvironment(set, all)).toEqual({ environment: set, withheld: [] });
  });

  const ours = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LD_PRELOAD",
    "BASH_ENV",
    "BASH_FUNC_find%%",
    "BUN_OPTIONS",
    "NODE_OPTIONS",
    "npm_config_registry",
    "SSH_AUTH_SOCK",
    "KRB5CCNAME",
  ];
  test.each(ours)("%s is meant for this program, or leads to keys, and is left out without a word", (name) => {
    expect(passedEnvironment({ [name]: "x" }, all)).toEqual({ environment: {}, withheld: [] });
  });

  const secretNames = [
    "PGPASSWORD",
    "MYSQL_PWD",
    "REDISCLI_AUTH",
    "RESTIC_PASSWORD",
    "BORG_PASSPHRASE",
    "SSHPASS",
    "RCLONE_CONFIG_PASS",
    "github_token",
    "VAULT_TOKEN",
    "AZURE_STORAGE_KEY",
    "B2_APPLICATION_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "OPENAI_APIKEY",
    "RABBITMQ_ERLANG_COOKIE",
    "API_KEY_OF_PRODUCTION",
    "S3_ACCESS_KEY_ID",
    "GITHUB_PAT",
    "DB_PW",
    "SERVICE_JWT",
    "DB_CREDS",
    "HTTP_AUTHORIZATION",
  ];
  test.each(secretNames)("%s looks like a credential by its name, and is left out", (name) => {
    expect(passedEnvironment({ [name]: "x" }, all)).toEqual({ environment: {}, withheld: [name] });
  });

  const secretValues = [
    "http://user:pass@proxy:3128",
    "http://user:pa/ss@proxy:3128",
    "https://0123456789abcdef@example.org/1",
    "host=db user=backup password=hidden",
    "Server=db;Pwd=hidden",
    '{"token": "hidden"}',
    "-----BEGIN OPENSSH PRIVATE KEY-----\nx",
    "AGE-SECRET-KEY-1XXX",
    "Authorization: Bearer 0123456789abcdef",
    '{"auths": {"registry.example.org": {"auth": "aGlkZGVuOmhpZGRlbg=="}}}',
    "https://hooks.slack.com/services/T00/B00/hidden",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij",
    "glpat-0123456789abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.x",
  ];
  test.each(secretValues)("a value like %j holds a credential, whatever the variable is called", (value) => {
    expect(passedEnvironment({ SETTING: value }, all)).toEqual({ environment: {}, withheld: ["SETTING"] });
  });

  test("what is named is passed on, credential or not, and nothing else without all", () => {
    const set = { PGPASSWORD: "x", AWS_PROFILE: "other", PGHOST: "db", GITHUB_TOKEN: "y" };
    expect(passedEnvironment(set, ["PGPASSWORD", "AWS_PROFILE", "GONE"])).toEqual({
      environment: { PGPASSWORD: "x", AWS_PROFILE: "other" },
      withheld: [],
    });
    expect(passedEnvironment(set, ["all", "PGPASSWORD"])).toEqual({
      environment: { PGPASSWORD: "x", PGHOST: "db" },
      withheld: ["GITHUB_TOKEN"],
    });
    expect(passedEnvironment(set, [])).toEqual({ environment: {}, withheld: [] });
  });

  test("the notice of what is left out names ten variables at most", () => {
    const names = Array.from({ length: 12 }, (_, number) => `TOKEN_${String(number).padStart(2, "0")}`);
    const { message } = withheldNotice(names);
    expect(message).toContain('"TOKEN_09" and 2 more, which may hold a credential');
    expect(message).not.toContain("TOKEN_10");
  });

  test("a run passes on its environment to pickers and snapshotters, and names what it leaves out", async () => {
    await using rig = await Rig.make();
    await script(`${rig.path}/pickers.d`, "env", `echo "\${PICKED-nothing}"; echo "/\${PGPASSWORD-unset}"`);
    await script(`${rig.path}/snapshots.d`, "env", `echo "\${PICKED-nothing} \${PGPASSWORD-unset}"; echo x >&"$1"`);
    await rig.write("picked", "yes");
    const environment = { PICKED: rig.file("picked"), PGPASSWORD: "hidden", PATH: "/nowhere" };
    const { backup, heard } = await rig.run({ job: { environment } });
    expect(rig.names(backup)).toContain("picked");
    expect(backup.manifest.snapshots[0]?.description).toBe(`${rig.file("picked")} unset`);
    const said = heard.filter((line) => line.includes("environment-withheld"));
    expect(said).toEqual([expect.stringContaining('do not get "PGPASSWORD"')]);
    expect(heard.join()).not.toContain("hidden");
  });
});
