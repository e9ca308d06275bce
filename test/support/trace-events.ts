/** Reads a Chrome trace, as its viewers do. */
import { z } from "zod";

const event = z.object({
  name: z.string(),
  ph: z.enum(["M", "X", "i"]),
  cat: z.string().optional(),
  ts: z.number().optional(),
  dur: z.number().optional(),
  pid: z.number(),
  tid: z.number(),
  args: z.record(z.string(), z.unknown()).optional(),
});

export type TraceEvent = z.infer<typeof event>;

export const eventsOf = (text: string): TraceEvent[] => z.array(event).parse(JSON.parse(text));

/** Whether any two spans of a lane lie one within the other, or one after the other. */
export function nests(events: readonly TraceEvent[]): boolean {
  const spans = events.flatMap(({ ph, tid, ts = 0, dur = 0 }) =>
    ph === "X" ? [{ tid, start: ts, end: ts + dur }] : [],
  );
  const sorted = spans.toSorted((a, b) => a.tid - b.tid || a.start - b.start || b.end - a.end);
  const open: { readonly tid: number; readonly end: number }[] = [];
  for (const span of sorted) {
    for (let top = open.at(-1); top !== undefined && (top.tid !== span.tid || top.end <= span.start); top = open.at(-1))
      open.pop();
    const around = open.at(-1);
    if (around !== undefined && span.end > around.end) return false;
    open.push(span);
  }
  return true;
}
