/** A server that lets us wait, in every way, and one that is merely slow. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { BucketError } from "../../../../core/bucket/contract.ts";
import { type LiarRequest, liar, trickle } from "../../../support/faults/liar.ts";
import { calls, openAt, shortBounds } from "./hostile.ts";

const kibibyte = 1024;
const ok = "HTTP/1.1 200 OK\r\n";
const content = `${ok}ETag: "x"\r\nx-amz-version-id: v\r\n`;
const part = `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99999/100000\r\nx-amz-version-id: v\r\n`;
const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const never = () => undefined;

type Behaviour = (socket: Socket, request: LiarRequest) => unknown;

const begins = (head: string, then: (socket: Socket) => void) => (socket: Socket) => {
  socket.write(head);
  then(socket);
};

/** Each with the calls that meet it; `long`: that may take as long as a whole answer. */
const waits: readonly (readonly [name: string, behaviour: Behaviour, call: readonly string[], long?: true])[] = [
  ["accepts, and never answers", never, Object.keys(calls)],
  ["stops within its first line", begins("HTTP/1.", never), ["put", "get", "list"]],
  ["stops within its headers", begins(`${ok}ETag: "`, never), ["put", "get", "list"]],
  ["sends its headers letter by letter", begins(`${ok}X-A: `, (to) => trickle(to, "a", 50)), ["put", "get", "list"]],
  ["says for ever that it goes on", (to: Socket) => trickle(to, "HTTP/1.1 100 Continue\r\n\r\n", 50), ["put", "list"]],
  ["stops within the content", begins(`${content}Content-Length: 100000\r\n\r\nabc`, never), ["get"]],
  [
    "sends content byte by byte",
    begins(`${content}Content-Length: 100000\r\n\r\n`, (to) => trickle(to, "a", 50)),
    ["get"],
  ],
  ["sends chunks of a byte", begins(part + chunked, (to) => trickle(to, "1\r\na\r\n", 50)), ["range"]],
  ["names its chunks without end", begins(`${part}${chunked}5;`, (to) => trickle(to, "aaaaaaa", 50)), ["range"]],
  ["sends trailers without end", begins(`${ok}${chunked}0\r\n`, (to) => trickle(to, "X-A: b\r\n", 50)), ["list"]],
  [
    "sends a list letter by letter",
    begins(`${ok}Content-Length: 90000\r\n\r\n`, (to) => trickle(to, " ", 50)),
    ["list"],
    true,
  ],
  [
    "refuses letter by letter",
    begins("HTTP/1.1 403 Forbidden\r\nContent-Length: 90000\r\n\r\n", (to) => trickle(to, " ", 50)),
    ["list", "get", "put"],
    true,
  ],
  ["does not read what is sent", (socket: Socket) => socket.pause(), ["large put"]],
];

async function errorOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("a server that", () => {
  for (const [name, behaviour, names, long] of waits) {
    for (const call of names) {
      test(`${name} is given up in time: ${call}`, async () => {
        await using server = await liar(behaviour);
        const bucket = await openAt(server.endpoint, { bounds: shortBounds });
        const began = performance.now();
        const error = await errorOf(calls[call]?.(bucket) ?? Promise.resolve());
        const took = performance.now() - began;
        expect(error).toBeInstanceOf(BucketError);
        expect(error).toMatchObject({ kind: "unreachable" });
        const limit = long ? shortBounds.answer : shortBounds.silence;
        expect(took).toBeGreaterThan(limit * 0.8);
        expect(took).toBeLessThan(limit * 2 + 30_000);
        await bucket.close();
      });
    }
  }

  test("a server that reads what is sent byte by byte is given up in time", async () => {
    const dribble = (socket: Socket) => {
      socket.pause();
      const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.read(1)), 50);
    };
    await using server = await liar(dribble);
    const bucket = await openAt(server.endpoint, { bounds: shortBounds });
    expect(await errorOf(calls["large put"]?.(bucket) ?? Promise.resolve())).toMatchObject({ kind: "unreachable" });
  });

  test("a server that never ends the handshake of TLS is given up in time", async () => {
    await using server = await liar(never);
    const bucket = await openAt(server.endpoint.replace("http:", "https:"), { bounds: shortBounds });
    const began = performance.now();
    expect(await errorOf(bucket.head("k"))).toMatchObject({ kind: "unreachable" });
    expect(performance.now() - began).toBeLessThan(shortBounds.silence * 2 + 30_000);
  });
});

describe("a server that is slow, but goes on, is waited for:", () => {
  /** Longer than others have: a busy machine must not look like a silent server. */
  const bounds = { ...shortBounds, silence: 4_000, answer: 12_000 };
  const many = 50;
  const piece = "a".repeat(64 * kibibyte);

  test("a server that is slow, but goes on, is waited for: content", async () => {
    await using server = await liar((socket) => {
      socket.write(`${content}Content-Length: ${many * piece.length}\r\n\r\n`);
      trickle(socket, piece, 100);
    });
    const bucket = await openAt(server.endpoint, { bounds });
    const began = performance.now();
    let received = 0;
    for await (const bytes of bucket.get("k")) received += bytes.byteLength;
    expect(received).toBe(many * piece.length);
    expect(performance.now() - began).toBeGreaterThan(bounds.silence);
  });

  test("a list whose last byte comes late", async () => {
    const list = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    await using server = await liar(async (socket) => {
      socket.write(`${ok}Content-Length: ${list.length}\r\n\r\n${list.slice(0, -1)}`);
      await Bun.sleep(bounds.silence / 2);
      socket.write(list.slice(-1));
    });
    expect(await calls.list?.(await openAt(server.endpoint, { bounds }))).toBe(1);
  });

  test("a put that is read with pauses", async () => {
    const slow = bounds.silence * 1.5;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch({ body }) {
        // Then at once: all that is still on its way counts as waiting for the answer.
        for await (const _ of body ?? []) if (performance.now() - began < slow) await Bun.sleep(250);
        return new Response(null, { headers: { etag: '"x"', "x-amz-version-id": "v" } });
      },
    });
    const began = performance.now();
    expect(await calls["large put"]?.(await openAt(server.url.origin, { bounds }))).toMatchObject({ version: "v" });
    expect(performance.now() - began).toBeGreaterThan(bounds.silence);
    await server.stop(true);
  });

  test("a server that is slow, but goes on, is waited for: what we read with pauses of our own", async () => {
    const size = 4 * 1024 * kibibyte;
    await using server = await liar((socket) => {
      socket.write(`${content}Content-Length: ${size}\r\n\r\n`);
      socket.write("a".repeat(size));
    });
    const bucket = await openAt(server.endpoint, { bounds });
    let received = 0;
    let pauses = 0;
    for await (const bytes of bucket.get("k")) {
      received += bytes.byteLength;
      if (pauses < 2) await Bun.sleep(bounds.silence + 500);
      pauses += 1;
    }
    expect(received).toBe(size);
    expect(pauses).toBeGreaterThan(2);
  });
});
