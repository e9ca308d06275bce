import { expect, test } from "bun:test";
import { symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { take } from "./round-trip.ts";

const missing = Bun.which("redis-server") === null || Bun.which("redis-cli") === null;

/** A server of its own on a socket in the folder, with persistence by AOF, or without. */
async function startRedis(folder: string, aof: "yes" | "no") {
  const socket = join(folder, "socket");
  const server = Bun.spawn(
    [
      "redis-server",
      "--port",
      "0",
      "--unixsocket",
      socket,
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      aof,
      "--repl-diskless-sync-delay",
      "0",
    ],
    { stdout: "ignore", stderr: "inherit" },
  );
  const cli = (...args: readonly string[]) =>
    Bun.spawnSync(["redis-cli", "-s", socket, ...args])
      .stdout.toString()
      .trimEnd();
  for (let i = 0; cli("PING") !== "PONG"; i += 1) {
    if (i > 200) throw new Error("redis-server does not start");
    await Bun.sleep(20);
  }
  const stop = async () => {
    server.kill();
    await server.exited;
  };
  return { socket, cli, stop, [Symbol.asyncDispose]: stop };
}

const contents = (cli: (...args: readonly string[]) => string) => [
  cli("--no-raw", "GET", "binary"),
  cli("LRANGE", "list", "0", "-1"),
  cli("-n", "3", "HGETALL", "hash"),
  cli("DBSIZE"),
  cli("-n", "3", "DBSIZE"),
  Number(cli("TTL", "mortal")) > 1000,
];

test.skipIf(missing)("the snapshotter redis restores everything, also into a server with AOF", async () => {
  await using oldFolder = await scratch();
  await using newFolder = await scratch();
  await using old = await startRedis(oldFolder.path, "no");
  old.cli("EVAL", String.raw`redis.call('SET', 'binary', '\0\1\r\n\255')`, "0");
  old.cli("RPUSH", "list", "1", "2", "3");
  old.cli("SET", "mortal", "x", "EX", "10000");
  old.cli("-n", "3", "HSET", "hash", "field", "value");
  const before = contents(old.cli);
  expect(before).toEqual([String.raw`"\x00\x01\r\n\xff"`, "1\n2\n3", "field\nvalue", "3", "1", true]);

  // The restore command speaks of the socket that the snapshotter knew, so the new server takes over that one.
  const socket = join(newFolder.path, "socket");
  const link = join(oldFolder.path, "link");
  await symlink(old.socket, link);
  await using taken = await take("redis", { REDIS_SOCKET: link, REDIS_SPARE_PORT: String(freePort()) });
  expect(taken.ref.exit).toBe(0);
  expect((await taken.read()).subarray(0, 5).toString()).toBe("REDIS");
  await old.stop();
  await unlink(link);
  await symlink(socket, link);

  const fresh = await startRedis(newFolder.path, "yes");
  fresh.cli("SET", "leftover", "x");
  expect((await taken.restore()).exit).toBe(0);
  expect(contents(fresh.cli)).toEqual(before);
  expect(fresh.cli("ROLE")).toStartWith("master");
  await fresh.stop();

  await using again = await startRedis(newFolder.path, "yes");
  expect(contents(again.cli)).toEqual(before);
});

test.skipIf(missing)("the snapshotter redis fails if no server answers", async () => {
  await using folder = await scratch();
  expect(take("redis", { REDIS_SOCKET: join(folder.path, "none") })).rejects.toThrow("exited with status 1");
});

function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
}
