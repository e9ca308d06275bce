import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { run } from "../support/services/command.ts";
import { take } from "./round-trip.ts";

const missing = Bun.which("mariadbd") === null || Bun.which("mariadb-install-db") === null;
const user = process.getuid?.() === 0 ? "root" : (process.env.USER ?? "");

/** A server of its own on a socket in the folder; who runs the test may log in. */
async function startMariadb(folder: string, name: string, socket: string) {
  const data = join(folder, name);
  await mkdir(data);
  await run(["mariadb-install-db", "--no-defaults", `--datadir=${data}`, `--user=${user}`, "--skip-test-db"]);
  const options = [
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--user=${user}`,
    "--skip-networking",
    `--pid-file=${data}/pid`,
  ];
  const server = Bun.spawn(["mariadbd", "--no-defaults", ...options], { stdout: "ignore", stderr: "ignore" });
  const sql = (statements: string) => run(["mariadb", "--no-defaults", `--socket=${socket}`, "-N", "-e", statements]);
  const answers = () =>
    sql("SELECT 1").then(
      () => true,
      () => false,
    );
  for (let i = 0; !(await answers()); i += 1) {
    if (i > 300 || server.exitCode !== null) throw new Error("mariadbd does not start");
    await Bun.sleep(50);
  }
  const stop = async () => {
    server.kill();
    await server.exited;
  };
  return { sql, [Symbol.asyncDispose]: stop };
}

const contents = `SELECT id, hex(name), hex(image) FROM shop.item; SELECT * FROM \`the other\`.t; CALL shop.p();
  SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'shop'; SHOW GRANTS FOR keeper@localhost;`;

test.skipIf(missing)(
  "the snapshotter mysql restores databases and accounts, into a new server and into one that has them",
  async () => {
    await using folder = await scratch();
    const socket = join(folder.path, "socket");
    const fill = String.raw`CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE DATABASE \`the other\`; USE shop;
      CREATE TABLE item (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20), image BLOB);
      CREATE TRIGGER tr BEFORE INSERT ON item FOR EACH ROW SET NEW.name = upper(NEW.name);
      INSERT INTO item (name, image) VALUES ('it''s\n', x'00ff5c'), (NULL, x'');
      CREATE PROCEDURE p() SELECT 42; CREATE TABLE \`the other\`.t (a INT); INSERT INTO \`the other\`.t VALUES (1), (2);
      CREATE USER keeper@localhost IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO keeper@localhost;`.replaceAll(
      "\\`",
      "`",
    );
    let before = "";
    let taken: Awaited<ReturnType<typeof take>>;
    {
      await using old = await startMariadb(folder.path, "old", socket);
      await old.sql(fill);
      before = await old.sql(contents);
      taken = await take("mysql", { MYSQL_SOCKET: socket });
    }
    await using snapshot = taken;
    expect(snapshot.heard).toEqual([]);
    expect(snapshot.ref.exit).toBe(0);
    expect(before).toContain("42");

    await using fresh = await startMariadb(folder.path, "fresh", socket);
    expect((await snapshot.restore()).exit).toBe(0);
    expect(await fresh.sql(contents)).toBe(before);
    await fresh.sql("DELETE FROM shop.item; DROP USER keeper@localhost");
    expect((await snapshot.restore()).exit).toBe(0);
    expect(await fresh.sql(contents)).toBe(before);
  },
  60_000,
);
