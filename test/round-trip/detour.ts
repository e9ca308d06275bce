/** A way to a service that can break: all connections at once, for a moment or for good, or in silence. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class Detour implements AsyncDisposable {
  /** Bytes that went towards the service so far. */
  sent = 0;
  #server: Server | undefined;
  #port = 0;
  readonly #pairs = new Set<readonly [client: Socket, service: Socket]>();
  #silent = false;

  constructor(readonly target: URL) {}

  /** Address for clients, which stays the same before and after a cut. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Lets connections through, again after `cut`. */
  open(): Promise<void> {
    const server = createServer((client) => this.#join(client));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", () => {
        const address = server.address();
        if (address !== null && typeof address === "object") this.#port = address.port;
        resolve();
      });
    });
  }

  /** Breaks all connections, and takes no more. */
  async cut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await closed;
  }

  /** Passes nothing on, either way, while connections seem to be well. */
  hush(silent: boolean): void {
    this.#silent = silent;
    for (const pair of this.#pairs) for (const socket of pair) silent ? socket.pause() : socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  #join(client: Socket): void {
    const service = connect(Number(this.target.port), this.target.hostname);
    const pair = [client, service] as const;
    this.#pairs.add(pair);
    this.#pass(client, service);
    this.#pass(service, client);
    client.on("data", (bytes) => {
      this.sent += bytes.length;
    });
    if (this.#silent) for (const socket of pair) socket.pause();
    const part = () => {
      for (const socket of pair) socket.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of pair) socket.on("error", part).on("close", part);
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (bytes) => {
      if (to.write(bytes)) return;
      from.pause();
      to.once("drain", () => {
        if (!this.#silent) from.resume();
      });
    });
    from.on("end", () => to.end());
  }
}
