/** A PostgreSQL cluster of its own, on a socket. */
import { join } from "node:path";
import { run } from "./services/command.ts";

export const asRoot = process.getuid?.() === 0;
const binaries = [...new Bun.Glob("/usr/lib/postgresql/*/bin").scanSync({ onlyFiles: false, absolute: true })].at(-1);
export const canRunPostgres =
  binaries !== undefined && Bun.which("pg_dumpall") !== null && (!asRoot || Bun.which("runuser") !== null);

/** PostgreSQL refuses to run as root. */
export const become = asRoot ? ["runuser", "-u", "postgres", "--"] : [];
export const port = "54329";

/** Starts a cluster in the folder, with its socket there. PostgreSQL must own the folder. */
export async function startPostgres(folder: string, name: string) {
  const data = join(folder, name);
  await run([...become, `${binaries}/initdb`, "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", data]);
  const settings = `-c listen_addresses= -c unix_socket_directories=${folder} -c port=${port} -c fsync=off`;
  const control = [...become, `${binaries}/pg_ctl`, "--silent", "--wait", "--pgdata", data];
  await run([...control, "--log", `${data}.log`, "--options", settings, "start"]);
  const stop = async () => {
    await run([...control, "--mode=fast", "stop"]);
  };
  const sql = async (database: string, statements: string): Promise<string> => {
    const ask = ["psql", "-h", folder, "-p", port, "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", statements];
    const { stdout, stderr, exitCode } = Bun.spawnSync([...become, ...ask]);
    if (exitCode !== 0) throw new Error(stderr.toString());
    return stdout.toString();
  };
  return { sql, stop };
}

export type Postgres = Awaited<ReturnType<typeof startPostgres>>;
