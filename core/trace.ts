/**
 * Records what a run does, and when, as a Chrome trace: https://ui.perfetto.dev shows it. Off unless `startTrace` is called; then a span
 * costs one comparison. Holds names of steps and keys of objects, and no paths of files and no content.
 *
 * There are three kinds of spans: a *step* follows another or lies within one; *work* and *requests* run beside steps and each other. Spans
 * of one lane (`tid`) never overlap, but for steps that lie within each other.
 */
export type TraceSink = {
  /** Milliseconds since the program began. */
  readonly clock: () => number;
  readonly write: (text: string) => void;
  /** Called for each span that is written. */
  readonly ended?: OnSpan | undefined;
};

type SpanKind = "step" | "work" | "request";
type Details = Readonly<Record<string, string | number | boolean>>;

type EndedSpan = {
  readonly kind: SpanKind;
  readonly name: string;
  readonly milliseconds: number;
  readonly details: Details;
};
export type OnSpan = (span: EndedSpan) => void;

/** Bounds the file at some 50 MB. Steps, of which there are few, have room of their own. */
const mostSpans = 250_000;
const roomForSteps = 10_000;
/** Milliseconds. There may be millions of files, and what takes less is not where time is lost. */
const shortestWork = 0.1;
const lanes: Readonly<Record<SpanKind, number>> = { step: 0, work: 100, request: 1000 };

let current: Trace | undefined;

/** Records from now on, until the returned function is called, which ends the text. What came before is the step `start`. */
export function startTrace(sink: TraceSink, most = mostSpans): () => void {
  const trace = new Trace(sink, most);
  current = trace;
  return () => {
    current = undefined;
    trace.end();
  };
}

export const isTracing = (): boolean => current !== undefined;

/** Records `run` as a step: no other step may begin or end meanwhile, but for those within it. */
export function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  return current === undefined ? run() : current.span("step", name, run);
}

/** Records `run` as work that may go on beside other work, unless it is very short. */
export function work<T>(name: string, run: () => Promise<T>): Promise<T> {
  return current === undefined ? run() : current.span("work", name, run);
}

/** Records `run` as work, with what it says about itself. */
export function workOf<T>(name: string, run: () => Promise<T>, detailsOf: (result: T) => Details): Promise<T> {
  return current === undefined ? run() : current.span("work", name, run, {}, detailsOf);
}

/** Records `run` as a request. */
export function request<T>(name: string, details: Details, run: () => Promise<T>): Promise<T> {
  return current === undefined ? run() : current.span("request", name, run, details);
}

/** Records the reading of `source` as a request, with the bytes that `sizeOf` finds, and the time in which we waited for them. */
export function requestOf<T>(
  name: string,
  details: Details,
  source: AsyncIterable<T>,
  sizeOf: (piece: T) => Details,
): AsyncIterable<T> {
  return current === undefined ? source : current.pieces(name, details, source, sizeOf);
}

class Trace {
  readonly #sink: TraceSink;
  readonly #most: number;
  readonly #used: Readonly<Record<SpanKind, boolean[]>> = { step: [], work: [], request: [] };
  #spans = 0;
  #left = 0;

  constructor(sink: TraceSink, most: number) {
    this.#sink = sink;
    this.#most = most;
    sink.write(`[\n${JSON.stringify({ name: "process_name", ph: "M", pid: 1, tid: 0, args: { name: "sysbackup" } })}`);
    this.#write({ name: "start", cat: "step", ph: "X", ts: 0, dur: this.#now(), pid: 1, tid: lanes.step, args: {} });
  }

  async span<T>(
    kind: SpanKind,
    name: string,
    run: () => Promise<T>,
    details: Details = {},
    detailsOf: (result: T) => Details = () => ({}),
  ): Promise<T> {
    const open = this.#open(kind);
    try {
      const result = await run();
      this.#close(open, kind, name, { ...details, ...detailsOf(result) });
      return result;
    } catch (error) {
      this.#close(open, kind, name, { ...details, failed: true });
      throw error;
    }
  }

  async *pieces<T>(
    name: string,
    details: Details,
    source: AsyncIterable<T>,
    sizeOf: (piece: T) => Details,
  ): AsyncGenerator<T> {
    const open = this.#open("request");
    let waited = 0;
    let asked = this.#sink.clock();
    const sizes: Record<string, number> = {};
    let ended = false;
    try {
      for await (const piece of source) {
        waited += this.#sink.clock() - asked;
        for (const [key, value] of Object.entries(sizeOf(piece))) sizes[key] = (sizes[key] ?? 0) + Number(value);
        yield piece;
        asked = this.#sink.clock();
      }
      waited += this.#sink.clock() - asked;
      ended = true;
    } finally {
      const end = { ...details, ...sizes, waited: Math.round(waited * 1000), ...(!ended && { failed: true }) };
      this.#close(open, "request", name, end);
    }
  }

  end(): void {
    const name = `${this.#left} more spans are left out`;
    if (this.#left > 0) this.#write({ name, ph: "i", s: "g", ts: this.#now(), pid: 1, tid: 0 });
    this.#sink.write("\n]\n");
  }

  #open(kind: SpanKind): { readonly lane: number; readonly start: number } {
    const used = this.#used[kind];
    if (kind === "step") return { lane: 0, start: this.#now() };
    const free = used.indexOf(false);
    const lane = free < 0 ? used.length : free;
    if (lane === used.length) {
      const args = { name: `${kind} ${lane + 1}` };
      this.#write({ name: "thread_name", ph: "M", pid: 1, tid: lanes[kind] + lane, args });
    }
    used[lane] = true;
    return { lane, start: this.#now() };
  }

  #close({ lane, start }: { lane: number; start: number }, kind: SpanKind, name: string, args: Details): void {
    this.#used[kind][lane] = false;
    const dur = this.#now() - start;
    if (kind === "work" && dur < shortestWork * 1000) return;
    if (this.#spans >= this.#most + (kind === "step" ? roomForSteps : 0)) {
      this.#left += 1;
      return;
    }
    this.#spans += 1;
    this.#write({ name, cat: kind, ph: "X", ts: start, dur, pid: 1, tid: lanes[kind] + lane, args });
    this.#sink.ended?.({ kind, name, milliseconds: dur / 1000, details: args });
  }

  #write(event: object): void {
    this.#sink.write(`,\n${JSON.stringify(event)}`);
  }

  /** Whole microseconds: so no rounding makes spans overlap. */
  #now(): number {
    return Math.floor(this.#sink.clock() * 1000);
  }
}
