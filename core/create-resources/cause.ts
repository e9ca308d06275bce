/** Finds why a stack failed, in its events: most of them only follow from the first failure. */
import type { StackEvent } from "./stacks.ts";

/** The reason of resources that were stopped because another failed. */
const cancelled = /^Resource (?:creation|update|deletion) cancelled/i;

/** Takes `events` oldest first. Undefined if they have no cause. */
export function causeOf(events: readonly StackEvent[]): StackEvent | undefined {
  const failed = ({ status, reason = "", ofStack }: StackEvent) =>
    status.endsWith("_FAILED") && !cancelled.test(reason) && !ofStack;
  // A clash of exports fails the stack, but no resource.
  const rollsBack = ({ status, reason, ofStack }: StackEvent) =>
    ofStack && reason !== undefined && /(?:_FAILED|ROLLBACK_IN_PROGRESS)$/.test(status);
  return events.find(failed) ?? events.find(rollsBack);
}

/** Formats in one line: the resource, and CloudFormation's reason without what only its support can use. */
export function causeText({ type, resource, status, reason = status, ofStack }: StackEvent): string {
  const plain = reason
    .replace(/ \(RequestToken: [^)]*\)/, "")
    .replace(/^Resource handler returned message: "(.*)"$/s, "$1")
    .replace(/\.$/, "");
  return ofStack ? plain : `${type} ${JSON.stringify(resource)}: ${plain}`;
}
