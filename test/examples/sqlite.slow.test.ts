import { describe, expect, test } from "bun:test";
import { chmod, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { take } from "./round-trip.ts";

const missing = Bun.which("sqlite3") === null;

function sqlite(database: string, statements: string): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["sqlite3", "-bail", database], {
    stdin: Buffer.from(statements),
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return stdout.toString();
}

const shop = String.raw`
  PRAGMA journal_mode = WAL;
  PRAGMA user_version = 7;
  CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, price REAL, image BLOB);
  INSERT INTO item (name, price, image) VALUES ('it''s
new', 0.1, x'00ff'), (NULL, 1e300, NULL), ('\n', -1.5, x'');
  CREATE VIRTUAL TABLE search USING fts5(words);
  INSERT INTO search VALUES ('hello world');
  CREATE VIEW cheap AS SELECT * FROM item WHERE price < 1;
  CREATE TABLE log (at);
  CREATE TRIGGER logged AFTER INSERT ON item BEGIN INSERT INTO log VALUES (new.id); END;
  INSERT INTO log VALUES (1), (2);
  DELETE FROM log WHERE at = 1;`;
const small =
  "PRAGMA page_size = 1024; VACUUM; CREATE TABLE word (w TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO word VALUES ('x');";

const contents = (database: string) =>
  sqlite(
    database,
    `SELECT id, quote(name), price, quote(image) FROM item; SELECT * FROM search WHERE words MATCH 'hello';
     SELECT rowid, * FROM log; SELECT * FROM sqlite_sequence; SELECT name, sql FROM sqlite_schema ORDER BY name;
     PRAGMA user_version; PRAGMA integrity_check;`,
  );

describe.skipIf(missing)("the snapshotter sqlite", () => {
  test("the snapshotter sqlite restores several databases that do not exist", async () => {
    await using folder = await scratch();
    const [a, b] = [join(folder.path, `shop "1".db`), join(folder.path, "small.db")];
    sqlite(a, shop);
    sqlite(b, small);
    const before = contents(a);
    await using taken = await take("sqlite", { SQLITE_DATABASES: `${a}\n${b}` });
    expect(taken.heard).toEqual([]);
    expect(taken.ref).toMatchObject({ exit: 0 });
    expect(taken.ref?.restore_through).toMatch(/^sqlite3 -batch -safe -nonce [0-9a-f]{32}$/);
    await rm(a);
    await rm(b);
    expect((await taken.restore()).exit).toBe(0);
    expect(contents(a)).toBe(before);
    expect(before).toContain("hello world");
    expect(sqlite(b, "SELECT * FROM word; PRAGMA page_size;")).toBe("x\n1024\n");
  });

  test("the snapshotter sqlite dumps a database in use, and restores into one in use, whose mode stays", async () => {
    await using folder = await scratch();
    const database = join(folder.path, "shop.db");
    sqlite(database, shop);
    const before = contents(database);
    const user = Bun.spawn(["sqlite3", database], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const answers = user.stdout.getReader();
    const ask = async (statement: string) => {
      user.stdin.write(`${statement}\n`);
      await user.stdin.flush();
      return new TextDecoder().decode((await answers.read()).value);
    };
    expect(await ask("SELECT count(*) FROM item;")).toBe("3\n");
    await using taken = await take("sqlite", { SQLITE_DATABASES: database });
    expect(await ask("DELETE FROM item; SELECT count(*) FROM item;")).toBe("0\n");
    await chmod(database, 0o640);
    expect((await taken.restore()).exit).toBe(0);
    expect(await ask("SELECT count(*) FROM item;")).toBe("3\n");
    user.stdin.end();
    await user.exited;
    expect(contents(database)).toBe(before);
    expect((await stat(database)).mode & 0o777).toBe(0o640);
  });

  test("the snapshotter sqlite fails for a missing and a damaged database, without harm to the others", async () => {
    await using folder = await scratch();
    const [good, damaged, gone] = ["good.db", "damaged.db", "gone.db"].map((name) => join(folder.path, name));
    if (good === undefined || damaged === undefined || gone === undefined) throw new Error("three names");
    sqlite(good, small);
    sqlite(damaged, small);
    const bytes = Buffer.from(await Bun.file(damaged).arrayBuffer()).fill(0xee, 1024, 1200);
    await Bun.write(damaged, bytes);
    await using taken = await take("sqlite", { SQLITE_DATABASES: [gone, damaged, good].join("\n") });
    expect(taken.ref.exit).toBe(1);
    expect(taken.heard[0]).toContain(`${gone} does not exist; `);
    expect(taken.heard[0]).toContain(`${damaged} could not be dumped completely`);
    await rm(good);
    expect((await taken.restore()).exit).toBe(0);
    expect(sqlite(good, "SELECT * FROM word;")).toBe("x\n");
    expect(Buffer.from(await Bun.file(damaged).arrayBuffer()).equals(bytes)).toBe(true);
    expect(await Bun.file(gone).exists()).toBe(false);
  });

  attack(
    {
      by: "U",
      what: "a database of the user's has shell commands in its schema, which its dump repeats",
      before: "run as root when the dump is restored",
      now: "refused, and the restore fails",
    },
    async () => {
      await using folder = await scratch();
      const [database, mark] = [join(folder.path, "his.db"), join(folder.path, "mark")];
      const hostile = [`.shell touch '${mark}'`, `SELECT writefile('${mark}', '');`, `ATTACH '${mark}' AS mark;`];
      for (const line of hostile) {
        await rm(database, { force: true });
        sqlite(database, "CREATE TABLE t (a);");
        const schema = `CREATE TABLE t (a);\n${line}\n`.replaceAll("'", "''");
        sqlite(
          database,
          `.dbconfig defensive off\nPRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${schema}';`,
        );
        await using taken = await take("sqlite", { SQLITE_DATABASES: database });
        expect(taken.ref?.exit).toBe(0);
        expect((await taken.restore()).exit).not.toBe(0);
        expect(await readdir(folder.path)).toEqual(["his.db"]);
      }
    },
  );
});
