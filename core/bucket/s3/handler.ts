/** Sends a request and receives its answer, with bounds on both: any server may be slow, broken or hostile. */
import { Readable } from "node:stream";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { sliceSize, slices } from "../slices.ts";
import { type RequestBounds, usualBounds } from "./bounds.ts";
import { ForeignAnswer } from "./foreign.ts";
import { Paced } from "./paced.ts";
import { shortenedRefusal } from "./shortened.ts";
import { Watch } from "./watch.ts";
import { directly, proxyFor, throughProxy } from "./way.ts";

type HandlerRequest = Parameters<NodeHttpHandler["handle"]>[0];
type HandlerOptions = NonNullable<Parameters<NodeHttpHandler["handle"]>[1]>;
type HandlerAnswer = Awaited<ReturnType<NodeHttpHandler["handle"]>>;

export type HandlerSettings = {
  /** Ends every request, but those that are sent with a signal of their own. */
  readonly signal?: AbortSignal | undefined;
  readonly bounds?: RequestBounds;
  /** Whether a request asks for content, which is passed on while it arrives. All other answers are received whole. */
  readonly isContent?: (request: HandlerRequest) => boolean;
};

/**
 * Fails with the reason of the signal, with a `TimeoutError`, or with the error of the connection. Content is an async
 * iterable that fails in the same way, and that must be read to its end, or left (`return()`), or destroyed.
 */
export class GuardedHandler extends NodeHttpHandler {
  readonly #signal: AbortSignal | undefined;
  readonly #bounds: RequestBounds;
  readonly #isContent: (request: HandlerRequest) => boolean;
  /** Handlers by the URL of their proxy. */
  readonly #proxied = new Map<string, Promise<NodeHttpHandler>>();

  constructor({ signal, bounds = usualBounds, isContent = () => false }: HandlerSettings = {}) {
    super({ connectionTimeout: bounds.connect, ...directly() });
    this.#signal = signal;
    this.#bounds = bounds;
    this.#isContent = isContent;
  }

  override async handle(request: HandlerRequest, options: HandlerOptions = {}): Promise<HandlerAnswer> {
    const watch = new Watch(this.#bounds, signalOf(options) ?? this.#signal);
    try {
      const body: unknown =
        request.body instanceof Uint8Array ? inSlices(request.body, watch, pacedBy(options)) : request.body;
      const sent = Object.assign(request.clone(), { body });
      const how = { ...options, abortSignal: watch.signal };
      const { response } = await (await this.#handlerFor(request))(sent, how);
      const refused = response.statusCode >= 300;
      const passOn = this.#isContent(request) && !refused;
      watch.answered();
      response.body = passOn ? guarded(response.body, watch) : await this.#collect(response.body, refused, watch);
      return { response };
    } catch (error) {
      watch.end();
      throw watch.signal.aborted ? watch.signal.reason : error;
    }
  }

  override destroy(): void {
    super.destroy();
    for (const handler of this.#proxied.values()) handler.then((one) => one.destroy()).catch(() => {});
  }

  async #handlerFor(request: HandlerRequest): Promise<NodeHttpHandler["handle"]> {
    const proxy = proxyFor(request);
    if (proxy === undefined) return (sent, how) => super.handle(sent, how);
    const handler = this.#proxied.get(proxy) ?? throughProxy(proxy, this.#bounds.connect);
    this.#proxied.set(proxy, handler);
    const through = await handler;
    return (sent, how) => through.handle(sent, how);
  }

  /** Cuts a refusal off, whose beginning names the reason; anything else must come whole. */
  async #collect(body: unknown, refused: boolean, watch: Watch): Promise<Uint8Array> {
    watch.short();
    const limit = refused ? this.#bounds.largestRefusal : this.#bounds.largestAnswer;
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of guarded(body, watch)) {
      size += piece.byteLength;
      pieces.push(piece);
      if (size <= limit) continue;
      if (refused) return shortenedRefusal(Buffer.concat(pieces));
      throw new ForeignAnswer(`an answer of more than ${limit} bytes`);
    }
    return Buffer.concat(pieces);
  }
}

/** A signal of our own makes: the SDK's type allows for others, which have no reason. */
function signalOf({ abortSignal }: HandlerOptions): AbortSignal | undefined {
  return abortSignal instanceof AbortSignal ? abortSignal : undefined;
}

function pacedBy(options: HandlerOptions): Paced | undefined {
  return "paced" in options && options.paced instanceof Paced ? options.paced : undefined;
}

/** What fits into one slice is not worth watching on its way. */
function inSlices(body: Uint8Array, watch: Watch, paced: Paced | undefined): Uint8Array | Readable {
  if (paced !== undefined) return Readable.from(pacedSlices(body, watch, paced), { objectMode: true });
  return body.byteLength <= sliceSize ? body : Readable.from(watchedSlices(body, watch), { objectMode: true });
}

function* watchedSlices(body: Uint8Array, watch: Watch): Generator<Uint8Array> {
  for (const piece of slices(body)) {
    yield piece;
    watch.moved(piece.byteLength);
  }
}

/** The time in which we wait for our own pace is ours. */
async function* pacedSlices(body: Uint8Array, watch: Watch, paced: Paced): AsyncGenerator<Uint8Array> {
  for (const piece of watchedSlices(body, watch)) {
    watch.waiting = false;
    await paced.take(piece.byteLength);
    watch.waiting = true;
    yield piece;
  }
}

function guarded(body: unknown, watch: Watch): Readable {
  const stream = Readable.from(pieces(body, watch), { objectMode: true, highWaterMark: 1 });
  // One that is left while its next piece is awaited would stay open until that comes.
  return body instanceof Readable ? stream.once("close", () => body.destroy()) : stream;
}

/** Ends the watch and the connection at its own end. */
async function* pieces(body: unknown, watch: Watch): AsyncGenerator<Uint8Array> {
  if (!(body instanceof Readable)) return watch.end();
  const stop = () => body.destroy(watch.signal.reason);
  watch.signal.addEventListener("abort", stop);
  try {
    watch.signal.throwIfAborted();
    for await (const piece of body) {
      watch.moved(piece.byteLength);
      watch.waiting = false;
      yield piece;
      watch.waiting = true;
    }
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : error;
  } finally {
    watch.signal.removeEventListener("abort", stop);
    watch.end();
    body.destroy();
  }
}
