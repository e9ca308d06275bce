/** Waits for a stack, and tells each of its events as it comes. */
import { Failure } from "../failure.ts";
import type { Notify } from "../notice.ts";
import { causeOf, causeText } from "./cause.ts";
import type { Stack, StackEvent, Stacks } from "./stacks.ts";

export type Work = {
  readonly stacks: Stacks;
  readonly notify: Notify;
  /** Waits for so many milliseconds; throws at an abort. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly signal: AbortSignal;
};

/** CloudFormation allows few of these requests, and the quickest resource takes longer. */
const between = 3_000;

export type Ended = { readonly stack: Stack; readonly events: readonly StackEvent[] };

/**
 * Until CloudFormation is done with it, well or not. `after` is the ID of the last event that is not to be told again.
 * An abort ends the waiting only: it is told that the stack goes on.
 */
export async function follow(id: string, after: string | undefined, work: Work): Promise<Ended> {
  try {
    return await watch(id, after, work);
  } catch (error) {
    if (work.signal.aborted) {
      const message = `CloudFormation goes on without this program; run the same command again later to see how it ended`;
      work.notify({ level: "warning", code: "stack-goes-on", message });
    }
    throw error;
  }
}

async function watch(id: string, after: string | undefined, { stacks, notify, sleep }: Work): Promise<Ended> {
  const events: StackEvent[] = [];
  for (;;) {
    // Asked before the events, so that none is missed when it has ended.
    const stack = await stacks.find(id);
    for (const event of await stacks.eventsAfter(id, events.at(-1)?.id ?? after)) {
      events.push(event);
      notify({ level: "info", code: "stack-event", message: eventText(event) });
    }
    if (stack === undefined) throw new Failure({ doing: "follow the stack", what: id, why: "it is gone" });
    if (!stack.status.endsWith("_IN_PROGRESS")) return { stack, events };
    await sleep(between);
  }
}

function eventText(event: StackEvent): string {
  const { status, type, resource } = event;
  const failed = status.endsWith("_FAILED") && event.reason !== undefined;
  return failed
    ? `${status} ${causeText({ ...event, ofStack: false })}`
    : `${status} ${type} ${JSON.stringify(resource)}`;
}

/** The stack, where it ended with the status `good`; else a Failure with the cause. */
export function succeeded(
  { stack, events }: Ended,
  good: string,
  doing: string,
  remedy: (status: string) => string,
): Stack {
  if (stack.status === good) return stack;
  const cause = causeOf(events);
  const why = cause === undefined ? `it ended with the status ${stack.status}` : causeText(cause);
  const clash = /^Export with name .* is already exported/.test(cause?.reason ?? "");
  throw new Failure({
    doing,
    what: stack.name,
    why,
    remedy: clash ? "give a name of its own with --export" : remedy(stack.status),
  });
}
