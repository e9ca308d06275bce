/** A PostgreSQL database that changes every night, and what pg_dump writes of it. */
import { chmod, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { asRoot, become, port, startPostgres } from "../../support/postgres.ts";
import { run } from "../../support/services/command.ts";

/** What happens between two dumps. */
export const loads = {
  /** Appends 1 % of the rows, and updates every fifth of its newest 5 %. */
  newest: `
    INSERT INTO event SELECT * FROM made((SELECT max(id) FROM event), (SELECT count(*) / 100 FROM event));
    UPDATE event SET state = 'done', seen = seen + 1
      WHERE id > (SELECT max(id) - count(*) / 20 FROM event) AND draw(id, NIGHT) < 0.2`,
  /** Updates 2 % of the rows, wherever they are. */
  scattered: "UPDATE event SET state = 'done', seen = seen + 1 WHERE draw(id, NIGHT) < 0.02",
} as const;

export type Load = keyof typeof loads;

/** Rows as an application has them: numbers, times, names out of few, text that is partly the same. Each time the same rows. */
const schema = `
  CREATE FUNCTION draw(bigint, bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT (hashint8extended($1, $2) & 1048575) / 1048576.0 $$;
  CREATE TABLE event (id bigint PRIMARY KEY, at timestamptz, customer int, kind text, state text, seen int, amount numeric, note text);
  CREATE FUNCTION made(bigint, bigint) RETURNS SETOF event LANGUAGE sql AS $$
    SELECT id, '2026-01-01Z'::timestamptz + id * interval '7.3 s', (draw(id, 1) ^ 3 * 40000)::int,
      (ARRAY['order', 'payment', 'return', 'message', 'login'])[1 + (draw(id, 2) * 5)::int % 5], 'open', 0,
      (draw(id, 3) * 100000)::int / 100.0,
      'from ' || translate(md5(id::text), '0123456789abcdef', 'aeiou rstlndmhc ') || ', to be sent to the usual address; ' ||
        (ARRAY['paid in advance', 'by invoice', 'not paid yet: remind in two weeks'])[1 + (draw(id, 4) * 3)::int % 3]
    FROM generate_series($1 + 1, $1 + $2) id $$`;

const bytesOfRow = 163;

/**
 * Makes a database whose dump has about so many MiB, and calls `use` with the dump of each night, which is removed afterwards. All
 * of it lies below the folder.
 */
export async function eachNight(
  folder: string,
  { mebibytes, nights, load }: { readonly mebibytes: number; readonly nights: number; readonly load: Load },
  use: (dump: string, size: number, night: number) => Promise<void>,
): Promise<void> {
  const place = join(folder, "postgresql");
  await mkdir(place);
  await chmod(folder, 0o755);
  if (asRoot) await run(["chown", "postgres", place]);
  const server = await startPostgres(place, "data");
  try {
    const rows = Math.round((mebibytes * 1024 * 1024) / bytesOfRow);
    await server.sql("postgres", "CREATE DATABASE app");
    await server.sql("app", schema);
    const step = 250_000;
    for (let from = 0; from < rows; from += step)
      await server.sql("app", `INSERT INTO event SELECT * FROM made(${from}, ${Math.min(step, rows - from)})`);
    await server.sql("app", "VACUUM ANALYZE");
    for (let night = 1; night <= nights; night += 1) {
      if (night > 1) {
        await server.sql("app", loads[load].replaceAll("NIGHT", String(1_000 + night)));
        await server.sql("app", "VACUUM");
      }
      const dump = join(folder, "dump.sql");
      const words = [...become, "pg_dump", "-h", place, "-p", port, "app"];
      await run(["sh", "-c", `${words.join(" ")} > '${dump}'`]);
      await use(dump, (await stat(dump)).size, night);
      await rm(dump);
    }
  } finally {
    await server.stop();
    await rm(place, { recursive: true, force: true });
  }
}
