/** Waits for a stack, and reports each of its events as it comes. */
import { Failure } from "../failure.ts";
import type { Notify } from "../notice.ts";
import { causeOf, causeText } from "./cause.ts";
import type { Stack, StackEvent, Stacks } from "./stacks.ts";

export type StackDeps = {
  readonly stacks: Stacks;
  readonly notify: Notify;
  /** Waits for so many milliseconds; throws on an abort. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly signal: AbortSignal;
};

/** Milliseconds between requests: CloudFormation allows few of them, and the quickest resource takes longer. */
const between = 3_000;

export type Ended = { readonly stack: Stack; readonly events: readonly StackEvent[] };

/**
 * Waits until CloudFormation is done with the stack, whether it succeeds or fails. `after` is the ID of the last event that was
 * already reported. An abort only ends the waiting, with a notice that the stack goes on.
 */
export async function follow(id: string, after: string | undefined, deps: StackDeps): Promise<Ended> {
  try {
    return await watch(id, after, deps);
  } catch (error) {
    if (deps.signal.aborted) {
      const message = `CloudFormation goes on without this program; run the same command again later to see how it ended`;
      deps.notify({ level: "warning", code: "stack-goes-on", message });
    }
    throw error;
  }
}

async function watch(id: string, after: string | undefined, { stacks, notify, sleep }: StackDeps): Promise<Ended> {
  const events: StackEvent[] = [];
  for (;;) {
    // Read before the events, so that none is missed once the stack has ended.
    const stack = await stacks.find(id);
    for (const event of await stacks.eventsAfter(id, events.at(-1)?.id ?? after)) {
      events.push(event);
      notify({ level: "info", code: "stack-event", message: eventText(event) });
    }
    if (stack === undefined) throw new Failure({ doing: "follow the stack", what: id, why: "it no longer exists" });
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

/** Returns the stack if it ended with the status `good`. Throws a Failure with the cause otherwise. */
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
    remedy: clash ? "give another name with --export" : remedy(stack.status),
  });
}
