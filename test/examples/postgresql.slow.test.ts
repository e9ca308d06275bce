import { describe, expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { asRoot, canRunPostgres, type Postgres, port, startPostgres } from "../support/postgres.ts";
import { run } from "../support/services/command.ts";
import { take } from "./round-trip.ts";

async function fill({ sql }: Postgres): Promise<void> {
  await sql(
    "postgres",
    `CREATE ROLE "shop Keeper" LOGIN PASSWORD 'secret'; CREATE ROLE staff; GRANT staff TO "shop Keeper"`,
  );
  await sql("postgres", `CREATE DATABASE "the shop" OWNER "shop Keeper"`);
  await sql("postgres", "CREATE TABLE note (t text); INSERT INTO note VALUES ('in postgres')");
  await sql(
    "the shop",
    `CREATE TABLE item (id serial PRIMARY KEY, name text, image bytea);
     INSERT INTO item (name, image) SELECT E'it''s\\n' || n, decode('00ff5c', 'hex') FROM generate_series(1, 1000) n;
     ALTER TABLE item OWNER TO "shop Keeper"; GRANT SELECT ON item TO staff`,
  );
}

async function contents({ sql }: Postgres): Promise<string[]> {
  return [
    await sql("the shop", "SELECT count(*), md5(string_agg(name || image::text, ',' ORDER BY id)) FROM item"),
    await sql("the shop", "SELECT tableowner FROM pg_tables WHERE tablename = 'item'; SELECT nextval('item_id_seq')"),
    await sql("the shop", "SELECT has_table_privilege('staff', 'item', 'SELECT')"),
    await sql("postgres", "SELECT * FROM note"),
    await sql("postgres", "SELECT rolname, rolpassword FROM pg_authid WHERE rolname ~ '^s' ORDER BY 1"),
    await sql("postgres", "SELECT datname, pg_get_userbyid(datdba) FROM pg_database ORDER BY 1"),
  ];
}

describe.skipIf(!canRunPostgres)("the snapshotter postgresql", () => {
  test("the snapshotter postgresql restores databases and roles, into a new cluster and into one that has them", async () => {
    await using folder = await scratch();
    await chmod(folder.path, 0o755);
    const place = join(folder.path, "pg");
    await mkdir(place);
    if (asRoot) await run(["chown", "postgres", place]);
    const old = await startPostgres(place, "old");
    let before: string[];
    let taken: Awaited<ReturnType<typeof take>>;
    try {
      await fill(old);
      taken = await take("postgresql", { PGHOST: place, PGPORT: port });
      before = await contents(old);
    } finally {
      await old.stop();
    }
    await using snapshot = taken;
    expect(snapshot.heard).toEqual([]);
    expect(snapshot.ref).toMatchObject({ exit: 0, description: "PostgreSQL: all databases and roles" });
    expect(before[0]).toStartWith("1000|");

    const fresh = await startPostgres(place, "fresh");
    try {
      expect((await snapshot.restore()).exit).toBe(0);
      expect(await contents(fresh)).toEqual(before);
      await fresh.sql("the shop", "DELETE FROM item; CREATE TABLE leftover ()");
      expect((await snapshot.restore()).exit).toBe(0);
      expect(await contents(fresh)).toEqual(before);
      expect(await fresh.sql("the shop", "SELECT to_regclass('leftover') IS NULL")).toBe("t\n");
    } finally {
      await fresh.stop();
    }
  });

  test("the snapshotter postgresql fails if no server answers", async () => {
    await using folder = await scratch();
    expect(take("postgresql", { PGHOST: folder.path, PGPORT: port })).rejects.toThrow("snapshotter-failed");
  });
});
