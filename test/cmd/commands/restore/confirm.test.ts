import { describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { mayReplay, mayRestore } from "../../../../cmd/commands/restore/confirm.ts";
import { NoTerminal } from "../../../../cmd/terminal/prompt.ts";
import { exitStatus, Failure } from "../../../../core/failure.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { fakeIO } from "../../fake-io.ts";

const backup = { name: "web1", host: "web1.example", started: "2026-11-21T02:00:03Z" };
const overSystem = { target: "/", paths: [], yes: false };

/** Answers `answer`, and remembers the questions. */
function asked(answer: boolean, hostName = "web1.example") {
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    return answer;
  };
  return { questions, io: fakeIO({ ask, hostName }) };
}

describe("a restore over the running system", () => {
  test.each([true, false])(
    "a restore over the running system names host and backup, and takes the answer %p",
    async (answer) => {
      const { questions, io } = asked(answer);
      expect(await mayRestore(backup, overSystem, io)).toBe(answer);
      expect(questions).toEqual([
        'Replace all files of this running system (web1.example) with the backup "web1" of 2026-11-21 02:00:03 UTC from web1.example?',
      ]);
      expect(io.notices).toEqual([]);
    },
  );

  test("a backup of another host is named before the question, and with --yes, too", async () => {
    for (const yes of [false, true]) {
      const { questions, io } = asked(true, "laptop");
      expect(await mayRestore(backup, { ...overSystem, paths: ["/etc/fstab"], yes }, io)).toBe(true);
      expect(questions).toHaveLength(yes ? 0 : 1);
      expect(io.notices.map(({ code, message }) => [code, message])).toEqual([
        [
          "other-host",
          'the backup "web1" of 2026-11-21 02:00:03 UTC was made on "web1.example", and this machine is "laptop"',
        ],
      ]);
    }
  });

  test("without a terminal and without --yes, it is refused as wrong usage", async () => {
    const io = fakeIO({ ask: (question) => Promise.reject(new NoTerminal(question)), hostName: "web1.example" });
    const refused = await mayRestore(backup, overSystem, io).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Failure);
    expect(refused).toMatchObject({
      exit: exitStatus.usage,
      message:
        "cannot restore over the running system: nobody can be asked, as there is no terminal; give the folder to restore into as --target, or --yes if you mean this machine's own files",
    });
  });

  test("a link to the running system is no other folder", async () => {
    await using place = await scratch();
    const link = join(place.path, "link");
    symlinkSync("/", link);
    symlinkSync("link", join(place.path, "second"));
    for (const target of [link, `${link}/`, join(place.path, "second"), `/proc/${process.pid}/root`]) {
      const { questions, io } = asked(false);
      expect(await mayRestore(backup, { ...overSystem, target }, io)).toBe(false);
      expect(questions).toHaveLength(1);
    }
  });

  test("a link to another folder, and one to nothing, ask nothing", async () => {
    await using place = await scratch();
    symlinkSync(place.path, join(place.path, "there"));
    symlinkSync("nowhere", join(place.path, "nothing"));
    for (const name of ["there", "nothing"])
      expect(await mayRestore(backup, { ...overSystem, target: join(place.path, name) }, fakeIO())).toBe(true);
  });

  test("a restore into another folder asks nothing", async () => {
    expect(await mayRestore(backup, { ...overSystem, target: "/mnt" }, fakeIO())).toBe(true);
  });
});

describe("a restore that is to run commands of the backup", () => {
  const header = { name: "web1", host: "web1", started: "2026-11-21T02:00:03.000Z" };
  const dump = (restore_through: string | undefined, exit = 0) =>
    ({ snapshotter: "db", dump_size: 4711, restore_through, exit }) as const;
  const manifest = (...snapshots: ReturnType<typeof dump>[]) => ({ header, snapshots });

  test.each([true, false])("--snapshots run shows the commands, and takes the answer %p", async (answer) => {
    const questions: string[] = [];
    const io = fakeIO({ ask: async (question) => questions.push(question) > 0 && answer });
    expect(await mayReplay(manifest(dump("psql app")), { snapshots: "run", yes: false }, io)).toBe(answer);
    expect(io.notices.map(({ message }) => message)).toEqual([
      `snapshot "db" (4,711 bytes of 2026-11-21 02:00:03 UTC from "web1"): sh -c 'psql app'`,
    ]);
    expect(questions).toEqual(["Replay it, when all files are restored?"]);
  });

  test("without a terminal and without --yes, --snapshots run is refused as wrong usage", async () => {
    const io = fakeIO({ ask: (question) => Promise.reject(new NoTerminal(question)) });
    const asked = mayReplay(manifest(dump("psql app")), { snapshots: "run", yes: false }, io);
    await expect(asked).rejects.toMatchObject({ exit: 2 });
    expect(await mayReplay(manifest(dump("psql app")), { snapshots: "run", yes: true }, io)).toBe(true);
  });

  test.each([
    ["no dump has a command", manifest(dump(undefined)), "run"],
    ["the only dump with a command is marked failed", manifest(dump("psql app", 1)), "run"],
    ["dumps are fetched", manifest(dump("psql app")), "fetch"],
  ] as const)("nothing is asked if %s", async (_, one, snapshots) => {
    expect(await mayReplay(one, { snapshots, yes: false }, fakeIO())).toBe(true);
  });
});
