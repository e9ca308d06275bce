/**
 * Retries calls that failed as `unreachable`, `failing` or `busy`, and no others. Safe because the contract makes every call repeatable. A
 * `get` or a listing that breaks is resumed, not started over.
 */
import type { Notify } from "../../notice.ts";
import {
  type Bucket,
  BucketError,
  type GetOptions,
  type Listed,
  type ListedVersion,
  type Range,
  type SendPace,
  type Stored,
  type Upload,
} from "../contract.ts";
import { mayPass } from "../fatal.ts";
import { type BucketRequests, wrapBucket } from "../wrap.ts";
import { ServerHealth } from "./server-health.ts";

export type RetryTools = {
  readonly now: () => Date;
  /** Waits so many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** A number from 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Gets a notice `bucket-retry` for each wait, so that the terminal is not silent meanwhile. */
  readonly notify?: Notify | undefined;
};

/** Eight attempts wait for about 45 seconds in all: longer than a router's restart, shorter than patience. @internal */
export const attemptLimit = 8;
const minute = 60_000;
/**
 * A server that lets each attempt wait for a minute is given up after three; one that is there, and asks to come later,
 * is waited for. `time`: milliseconds after which no further attempt is made.
 */
const limits = {
  unreachable: { attempts: attemptLimit, time: 3 * minute },
  failing: { attempts: attemptLimit, time: 3 * minute },
  busy: { attempts: 30, time: 10 * minute },
} as const;
const firstWait = 500;
const longestWait = 30_000;
/** Bytes of content that count as progress: a server that gives one at a time must not be asked for ever. */
const progress = 64 * 1024;

export function retry(bucket: Bucket, tools: RetryTools): Bucket {
  const health = new ServerHealth(bucket);
  const trial = () => new Trial(tools, health);
  const again = <T>(run: (trial: Trial) => Promise<T>): Promise<T> => repeat(trial(), run);
  const retried: BucketRequests = {
    put: (key, body, options) => again((one) => bucket.put(key, body, { ...options, pace: one.ownTime(options.pace) })),
    startUpload: async (key, options) => retryUpload(await again(() => bucket.startUpload(key, options)), again),
    extend: (key, version, retention) => again(() => bucket.extend(key, version, retention)),
    get: (key, options) => resumedGet(bucket, trial(), key, options),
    head: (key, version) => again(() => bucket.head(key, version)),
    retention: (key, version) => again(() => bucket.retention(key, version)),
    lockState: () => again(() => bucket.lockState()),
    expiryDays: () => again(() => bucket.expiryDays()),
    list: (prefix, after) => resumedList(bucket, trial(), prefix, after),
    listVersions: (prefix, after) => resumedVersions(bucket, trial(), prefix, after),
    remove: (key, version) => again(() => bucket.remove(key, version)),
    thaw: (key, version, wish) => again(() => bucket.thaw(key, version, wish)),
  };
  return wrapBucket(bucket, retried);
}

function retryUpload(upload: Upload, again: <T>(run: (trial: Trial) => Promise<T>) => Promise<T>): Upload {
  return {
    part: (number, body, pace) => again((one) => upload.part(number, body, one.ownTime(pace))),
    complete: () => again(() => upload.complete()),
    abort: () => again(() => upload.abort()),
  };
}

async function repeat<T>(trial: Trial, run: (trial: Trial) => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run(trial);
    } catch (error) {
      await trial.failed(error);
    }
  }
}

/** One call and its further attempts. */
class Trial {
  #failures = 0;
  #began: number;

  readonly #tools: RetryTools;
  readonly #health: ServerHealth;

  constructor(tools: RetryTools, health: ServerHealth) {
    this.#tools = tools;
    this.#health = health;
    this.#began = tools.now().getTime();
  }

  /** Starts the count over: something arrived, so an error from here on is a new failure. */
  progressed(): void {
    this.#failures = 0;
    this.#began = this.#tools.now().getTime();
  }

  now(): number {
    return this.#tools.now().getTime();
  }

  /** Leaves out so many milliseconds, which are not the server's. */
  pass(milliseconds: number): void {
    this.#began += milliseconds;
  }

  /** Leaves out the time of `pace`. */
  ownTime(pace: SendPace | undefined): SendPace | undefined {
    if (pace === undefined) return undefined;
    return async (bytes) => {
      const before = this.now();
      await pace(bytes);
      this.pass(this.now() - before);
    };
  }

  /** Waits before the next attempt, or throws if there is to be none. */
  async failed(error: unknown): Promise<void> {
    if (!(error instanceof BucketError)) throw error;
    const { kind } = error;
    if (!mayPass(kind)) throw error;
    this.#failures++;
    const wait = this.#wait();
    const elapsed = this.#tools.now().getTime() - this.#began;
    const { time } = limits[kind];
    const attempts = kind === "failing" ? this.#health.attempts(attemptLimit) : limits[kind].attempts;
    if (this.#failures >= attempts || elapsed + wait > time) throw await this.#givenUp(error);
    const bound = kind === "busy" ? `, for at most ${time / minute} minutes` : ` of ${attempts}`;
    const seconds = (wait / 1000).toFixed(1);
    const message = `${error.parts.why}: trying again in ${seconds} s (attempt ${this.#failures + 1}${bound})`;
    this.#tools.notify?.({ level: "info", code: "bucket-retry", message });
    await this.#tools.sleep(wait);
  }

  /** Milliseconds: doubled each time, and random within the upper half, so that many clients do not return at once. */
  #wait(): number {
    const full = Math.min(longestWait, firstWait * 2 ** (this.#failures - 1));
    return full * (0.5 + this.#tools.random() / 2);
  }

  async #givenUp(error: BucketError): Promise<BucketError> {
    const isOfThis = error.kind === "failing" && (await this.#health.answersOthers());
    const times = this.#failures === 1 ? "once" : `${this.#failures} times`;
    const why = `${error.parts.why} (tried ${times}${isOfThis ? "; it answers other requests" : ""})`;
    return new BucketError(isOfThis ? "other" : error.kind, { ...error.parts, why, cause: error });
  }
}

/** Stays with the version that the first answer named, so that both halves belong together. */
async function* resumedGet(
  bucket: Bucket,
  trial: Trial,
  key: string,
  options: GetOptions = {},
): AsyncGenerator<Uint8Array> {
  let object: Stored | undefined;
  let received = 0;
  let fresh = 0;
  const onStart = (started: Stored) => {
    if (object === undefined) options.onStart?.(started);
    object ??= started;
  };
  for (;;) {
    try {
      for await (const piece of bucket.get(key, { ...rest(options, object, received), onStart })) {
        received += piece.byteLength;
        fresh += piece.byteLength;
        if (fresh >= progress) {
          fresh = 0;
          trial.progressed();
        }
        const given = trial.now();
        yield piece;
        trial.pass(trial.now() - given);
      }
      return;
    } catch (error) {
      if (object !== undefined && received === wholeRange(options, object).length) return;
      await trial.failed(error);
    }
  }
}

function rest(options: GetOptions, object: Stored | undefined, received: number): GetOptions {
  if (object === undefined || received === 0) return options;
  const { start, length } = wholeRange(options, object);
  return { version: object.version, range: { start: start + received, length: length - received } };
}

const wholeRange = ({ range }: GetOptions, { size }: Stored): Range => range ?? { start: 0, length: size };

async function* resumedList(
  bucket: Bucket,
  trial: Trial,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<readonly Listed[]> {
  let last = after;
  for (;;) {
    try {
      for await (const page of bucket.list(prefix, last)) {
        if (page.length > 0) trial.progressed();
        last = page.at(-1)?.key ?? last;
        yield page;
      }
      return;
    } catch (error) {
      await trial.failed(error);
    }
  }
}

/** Lists the last key again, since a page may end within it, and leaves out those of its versions that were given already. */
async function* resumedVersions(
  bucket: Bucket,
  trial: Trial,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<readonly ListedVersion[]> {
  let finished = after;
  let given: { readonly key: string; readonly versions: Set<string> } | undefined;
  for (;;) {
    try {
      for await (const page of bucket.listVersions(prefix, finished)) {
        const fresh = page.filter(({ key, version }) => key !== given?.key || !given.versions.has(version));
        for (const { key, version } of fresh) {
          if (key !== given?.key) {
            finished = given?.key ?? finished;
            given = { key, versions: new Set() };
          }
          given.versions.add(version);
        }
        if (fresh.length > 0) trial.progressed();
        yield fresh;
      }
      return;
    } catch (error) {
      await trial.failed(error);
    }
  }
}
