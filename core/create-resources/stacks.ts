/** What `create-resources` and `update-resources` need of CloudFormation, in one region of one account. */
import type { Settings } from "./parameters.ts";

export type Stack = {
  readonly id: string;
  readonly name: string;
  /** As CloudFormation calls it: `CREATE_COMPLETE`, `UPDATE_ROLLBACK_IN_PROGRESS`, … */
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
  /** The value of undefined is what the stack has. */
  readonly parameters: ReadonlyMap<string, string | undefined>;
};

/** Every error is a Failure, or the reason of the abort. Throttled requests and a connection that breaks are tried again. */
export type Stacks = {
  readonly region: string;
  /** By name or ID; a deleted one by ID only. */
  find(nameOrId: string): Promise<Stack | undefined>;
  /** Returns its ID as soon as CloudFormation begins; undefined where there is a stack of that name. Protected against deletion. */
  create(stack: NewStack): Promise<string | undefined>;
  /** Likewise; false where nothing would change. */
  update(id: string, change: StackUpdate): Promise<boolean>;
  /** Begins to delete it, protected or not. */
  remove(id: string): Promise<void>;
  /** Those after the one whose ID is given, oldest first; all where undefined. */
  eventsAfter(id: string, event: string | undefined): Promise<StackEvent[]>;
  newestEvent(id: string): Promise<string | undefined>;
  close(): void;
};
