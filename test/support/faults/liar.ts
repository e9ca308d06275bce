/** A server that answers byte by byte as a test says, for what no real server does. */
import { createServer, type Socket } from "node:net";

export type LiarRequest = {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
};

export type Liar = AsyncDisposable & {
  readonly endpoint: string;
  readonly requests: readonly LiarRequest[];
};

/** `reply` is called when the head of a request has come; its body is read and dropped, unless `reply` pauses the socket. */
export async function liar(reply: (socket: Socket, request: LiarRequest) => unknown): Promise<Liar> {
  const sockets = new Set<Socket>();
  const requests: LiarRequest[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = "";
    let left = 0;
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      const text = data.toString("latin1");
      if (left > 0) {
        left -= text.length;
        return;
      }
      head += text;
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      const request = parse(head.slice(0, end));
      left = Number(request.headers["content-length"] ?? 0) - (head.length - end - 4);
      head = "";
      requests.push(request);
      reply(socket, request);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function parse(head: string): LiarRequest {
  const [first = "", ...lines] = head.split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const pairs = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { method, path, headers: Object.fromEntries(pairs) };
}

/** Writes `piece` again and again as fast as it is read, until `bytes` are sent or the other side is gone. */
export function flood(socket: Socket, piece: string, bytes: number): void {
  const block = Buffer.from(piece.repeat(Math.max(1, Math.floor(65_536 / piece.length))));
  let left = bytes;
  const go = () => {
    while (left > 0 && !socket.destroyed) {
      left -= block.length;
      if (!socket.write(block)) {
        socket.once("drain", go);
        return;
      }
    }
  };
  go();
}

/** Writes `piece` every so many milliseconds, until the other side is gone. */
export function trickle(socket: Socket, piece: string, milliseconds: number): void {
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer);
    else socket.write(piece);
  }, milliseconds);
}
