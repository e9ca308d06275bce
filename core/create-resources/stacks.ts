/** The interface to CloudFormation that `create-resources` and `update-resources` need, for one region of one account. */
import type { Settings } from "./parameters.ts";

export type Stack = {
  readonly id: string;
  readonly name: string;
  /** CloudFormation's status: `CREATE_COMPLETE`, `UPDATE_ROLLBACK_IN_PROGRESS`, … */
  readonly status: string;
  readonly parameters: Settings;
  readonly outputs: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, string>;
};

export type StackEvent = {
  readonly id: string;
  /** Name of the resource in the template; the stack's own name for events of the whole. */
  readonly resource: string;
  /** `AWS::S3::Bucket` */
  readonly type: string;
  readonly status: string;
  readonly reason: string | undefined;
  readonly ofStack: boolean;
};

export type NewStack = {
  readonly name: string;
  readonly template: string;
  readonly parameters: Settings;
  readonly tags: Readonly<Record<string, string>>;
};

export type StackUpdate = {
  readonly template: string;
  /** Undefined keeps the stack's own value. */
  readonly parameters: ReadonlyMap<string, string | undefined>;
};

/** Rejects with a Failure, or with the reason of the abort. Throttled requests and broken connections are retried. */
export type Stacks = {
  readonly region: string;
  /** Finds a stack by name or ID; a deleted one only by ID. */
  find(nameOrId: string): Promise<Stack | undefined>;
  /** Returns the template as it was given. */
  template(id: string): Promise<string>;
  /** Returns the ID as soon as CloudFormation begins; undefined if there is a stack of that name. The stack is protected against deletion. */
  create(stack: NewStack): Promise<string | undefined>;
  /** Returns as soon as CloudFormation begins; false if nothing would change. */
  update(id: string, change: StackUpdate): Promise<boolean>;
  /** Begins to delete the stack, even if it is protected. */
  remove(id: string): Promise<void>;
  /** Returns the events after the one whose ID is given, oldest first; all if undefined. */
  eventsAfter(id: string, event: string | undefined): Promise<StackEvent[]>;
  newestEvent(id: string): Promise<string | undefined>;
  close(): void;
};
