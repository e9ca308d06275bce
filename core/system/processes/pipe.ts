/**
 * Makes real pipes to and from child processes. Bun gives a child sockets instead, which cannot be opened by name: shell
 * scripts that use `> /dev/fd/3`, `/dev/stdin` or `/dev/stdout` fail on them.
 *
 * Both ends push back: a reader reads only when asked, and the kernel holds at most a pipeful; a writer waits until the pipe
 * has room.
 */
import { codeOf } from "../../failure.ts";
import { close } from "../files/files.ts";
import { check, fixedBuffer, libc, O_CLOEXEC } from "../libc.ts";

export type Pipe = { readonly readEnd: number; readonly writeEnd: number };

const ends = fixedBuffer(8);

const F_SETPIPE_SZ = 1031;
/** What the kernel lets anyone have; 16 times as much as usual. */
const wideBytes = 1024 * 1024;

/**
 * Makes a pipe. A child inherits an end only if it is passed as one of its descriptors. `wide`: for much content, so that both sides
 * wait for each other less often; it is one as usual if this user has too many such pipes.
 */
export function makePipe({ wide = false } = {}): Pipe {
  check(libc.pipe2(ends.address, O_CLOEXEC), "pipe");
  const pipe = { readEnd: ends.bytes.readInt32LE(0), writeEnd: ends.bytes.readInt32LE(4) };
  if (wide) libc.fcntl(pipe.writeEnd, F_SETPIPE_SZ, wideBytes);
  return pipe;
}

/**
 * `idle` while nobody asks for more. While someone waits for bytes, the number of reads before: the same number at two times
 * means that no byte came between them.
 */
export type ReaderState = "closed" | "idle" | number;

/** Reads what comes out of a pipe; iterate once. Leaving the loop closes the pipe, as does `close`. */
export class PipeReader implements AsyncIterable<Uint8Array> {
  /** Settles when the pipe is closed: at its end, when the loop was left, or by `close`. */
  readonly closed: Promise<void>;
  readonly #fd: number;
  readonly #reader: ReturnType<typeof readerOf>;
  readonly #settle: () => void;
  #open = true;
  #waiting = false;
  #pieces = 0;

  /** Takes over the read end `fd`. */
  constructor(fd: number) {
    this.#fd = fd;
    this.#reader = readerOf(fd);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#settle = resolve;
  }

  get open(): boolean {
    return this.#open;
  }

  get state(): ReaderState {
    if (!this.#open) return "closed";
    return this.#waiting ? this.#pieces : "idle";
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) {
        this.#waiting = true;
        const { value, done } = await this.#reader.read();
        this.#waiting = false;
        if (done) return;
        this.#pieces += 1;
        yield value;
      }
    } finally {
      this.close();
    }
  }

  /** Closes the pipe. A loop over it then ends as at the end of the pipe; the writing end finds the pipe broken. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const finish = () => {
      close(this.#fd);
      this.#settle();
    };
    this.#reader.cancel().then(finish, finish);
  }
}

function readerOf(fd: number) {
  return Bun.file(fd).stream().getReader();
}

const mostAtOnce = 256 * 1024;

const FIONREAD = 0x541b;
const count = fixedBuffer(4);

/** Writes into a pipe. */
export class PipeWriter {
  readonly #fd: number;
  readonly #sink: Bun.FileSink;
  #open = true;
  #readEnd: number | undefined;
  #onClose = () => {};

  /** Takes over the write end `fd`, and the read end if it is given: then the pipe is not broken until `release`. */
  constructor(fd: number, readEnd?: number) {
    this.#fd = fd;
    this.#readEnd = readEnd;
    this.#sink = Bun.file(fd).writer();
  }

  /**
   * Settles when the pipe has taken the bytes; false if nobody can read them any more, or the pipe is closed meanwhile. Call once at a
   * time.
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    const { promise: closed, resolve } = Promise.withResolvers<false>();
    this.#onClose = () => resolve(false);
    return Promise.race([this.#write(bytes), closed]);
  }

  async #write(bytes: Uint8Array): Promise<boolean> {
    try {
      // The sink keeps a copy of what the pipe does not take at once.
      for (let at = 0; this.#open && at < bytes.length; at += mostAtOnce) {
        await this.#sink.write(bytes.subarray(at, at + mostAtOnce));
        await this.#sink.flush();
      }
      return this.#open;
    } catch (error) {
      if (codeOf(error) === "EPIPE") return false;
      throw error;
    }
  }

  /** Closes our read end if there is one. Returns whether the reader has taken all of its input to the end; undefined without a read end. */
  release(): boolean | undefined {
    if (this.#readEnd === undefined) return undefined;
    const fd = this.#readEnd;
    this.#readEnd = undefined;
    try {
      check(libc.ioctl(fd, FIONREAD, count.address), "count the bytes in a pipe");
      return !this.#open && count.bytes.readInt32LE(0) === 0;
    } finally {
      close(fd);
    }
  }

  /** Closes the pipe, and so ends the reader's input. Idempotent. Bytes that were not taken are lost. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose();
    // Ignored: only bytes that nobody reads could fail.
    Promise.resolve(this.#sink.end()).catch(() => {});
    close(this.#fd);
  }
}
