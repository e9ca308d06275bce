/** Implements `Stacks` with AWS CloudFormation. AWS code is loaded lazily. */
import type * as Sdk from "@aws-sdk/client-cloudformation";
import { untilAborted } from "../abortable.ts";
import { requestHandler } from "../aws/handler.ts";
import { reasonOf } from "../failure.ts";
import { cloudFormationError } from "./errors.ts";
import type { NewStack, Stack, StackEvent, Stacks, StackUpdate } from "./stacks.ts";

const capabilities: Sdk.Capability[] = ["CAPABILITY_NAMED_IAM"];

export type CloudFormationSettings = {
  /** The region that the SDK finds if undefined. */
  readonly region: string | undefined;
  readonly signal: AbortSignal;
  /** Returns a new token of letters and digits on each call: CloudFormation recognises a repeated request by it. */
  readonly token: () => string;
};

/** Connects with the credentials that the SDK finds. Throws a Failure if no region is set. */
export async function connectStacks({ region, signal, token }: CloudFormationSettings): Promise<Stacks> {
  const sdk = await import("@aws-sdk/client-cloudformation");
  const handler = await requestHandler(signal);
  const settings = { maxAttempts: 6, requestHandler: handler, ...(region !== undefined && { region }) };
  const client = new sdk.CloudFormationClient(settings);
  const found = await client.config.region().catch((error: unknown) => {
    throw cloudFormationError(error, { doing: "choose a region", region: "" });
  });
  return new CloudFormation(sdk, client, found, signal, token);
}

class CloudFormation implements Stacks {
  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.CloudFormationClient;
  readonly #signal: AbortSignal;
  readonly #token: () => string;

  constructor(
    sdk: typeof Sdk,
    client: Sdk.CloudFormationClient,
    readonly region: string,
    signal: AbortSignal,
    token: () => string,
  ) {
    this.#sdk = sdk;
    this.#client = client;
    this.#signal = signal;
    this.#token = token;
  }

  find(nameOrId: string): Promise<Stack | undefined> {
    return this.#try("look up the stack", nameOrId, async (sdk, client, options) => {
      try {
        const { Stacks: [found] = [] } = await client.send(
          new sdk.DescribeStacksCommand({ StackName: nameOrId }),
          options,
        );
        return found && stackOf(found);
      } catch (error) {
        if (isValidation(error, /does not exist/)) return undefined;
        throw error;
      }
    });
  }

  template(id: string): Promise<string> {
    return this.#try("read the template of the stack", id, async (sdk, client, options) => {
      const { TemplateBody = "" } = await client.send(new sdk.GetTemplateCommand({ StackName: id }), options);
      return TemplateBody;
    });
  }

  create({ name, template, parameters, tags }: NewStack): Promise<string | undefined> {
    return this.#try("create the stack", name, async (sdk, client, options) => {
      const command = new sdk.CreateStackCommand({
        StackName: name,
        TemplateBody: template,
        Capabilities: capabilities,
        Parameters: [...parameters].map(([key, value]) => ({ ParameterKey: key, ParameterValue: value })),
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        EnableTerminationProtection: true,
        // DELETE would be refused because of the protection, and would delete the events.
        OnFailure: "ROLLBACK",
        RetainExceptOnCreate: true,
        ClientRequestToken: this.#token(),
      });
      try {
        return (await client.send(command, options)).StackId;
      } catch (error) {
        if (error instanceof Error && error.name === "AlreadyExistsException") return undefined;
        throw error;
      }
    });
  }

  update(id: string, { template, parameters }: StackUpdate): Promise<boolean> {
    return this.#try("update the stack", id, async (sdk, client, options) => {
      const command = new sdk.UpdateStackCommand({
        StackName: id,
        TemplateBody: template,
        Capabilities: capabilities,
        Parameters: [...parameters].map(([key, value]) => ({
          ParameterKey: key,
          ...(value === undefined ? { UsePreviousValue: true } : { ParameterValue: value }),
        })),
        RetainExceptOnCreate: true,
        ClientRequestToken: this.#token(),
      });
      try {
        await client.send(command, options);
        return true;
      } catch (error) {
        if (isValidation(error, /No updates are to be performed/)) return false;
        throw error;
      }
    });
  }

  remove(id: string): Promise<void> {
    return this.#try("delete the stack", id, async (sdk, client, options) => {
      const unprotected = { StackName: id, EnableTerminationProtection: false };
      await client.send(new sdk.UpdateTerminationProtectionCommand(unprotected), options);
      await client.send(new sdk.DeleteStackCommand({ StackName: id }), options);
    });
  }

  async eventsAfter(id: string, event: string | undefined): Promise<StackEvent[]> {
    const newestFirst: StackEvent[] = [];
    let next: string | undefined;
    do {
      const page = await this.#events(id, next);
      for (const found of page.events) {
        if (found.id === event) return newestFirst.reverse();
        newestFirst.push(found);
      }
      next = page.next;
    } while (next !== undefined);
    return newestFirst.reverse();
  }

  async newestEvent(id: string): Promise<string | undefined> {
    return (await this.#events(id, undefined)).events[0]?.id;
  }

  close(): void {
    this.#client.destroy();
  }

  #events(id: string, next: string | undefined) {
    return this.#try("read the events of the stack", id, async (sdk, client, options) => {
      const command = new sdk.DescribeStackEventsCommand({ StackName: id, NextToken: next });
      const page = await client.send(command, options);
      return { events: (page.StackEvents ?? []).map(eventOf), next: page.NextToken };
    });
  }

  async #try<Result>(
    doing: string,
    what: string,
    request: (
      sdk: typeof Sdk,
      client: Sdk.CloudFormationClient,
      options: { readonly abortSignal: AbortSignal },
    ) => Promise<Result>,
  ): Promise<Result> {
    try {
      // Files with credentials, which the SDK reads first, may let it wait.
      return await untilAborted(this.#signal, request(this.#sdk, this.#client, { abortSignal: this.#signal }));
    } catch (error) {
      this.#signal.throwIfAborted();
      throw cloudFormationError(error, { doing, what: nameIn(what), region: this.region });
    }
  }
}

/** The name in `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`, for messages. */
function nameIn(nameOrId: string): string {
  return /:stack\/([^/]+)\//.exec(nameOrId)?.[1] ?? nameOrId;
}

/** Tells errors of CloudFormation apart by their text: it has one error code for many things. */
function isValidation(error: unknown, message: RegExp): boolean {
  return error instanceof Error && error.name === "ValidationError" && message.test(reasonOf(error));
}

function stackOf(found: Sdk.Stack): Stack {
  const { StackId = "", StackName = "", StackStatus = "", Parameters = [], Outputs = [], Tags = [] } = found;
  return {
    id: StackId,
    name: StackName,
    status: StackStatus,
    parameters: new Map(Parameters.map(({ ParameterKey = "", ParameterValue = "" }) => [ParameterKey, ParameterValue])),
    outputs: new Map(Outputs.map(({ OutputKey = "", OutputValue = "" }) => [OutputKey, OutputValue])),
    tags: new Map(Tags.map(({ Key = "", Value = "" }) => [Key, Value])),
  };
}

function eventOf(found: Sdk.StackEvent): StackEvent {
  const { EventId = "", StackId, PhysicalResourceId, LogicalResourceId = "", ResourceType = "" } = found;
  return {
    id: EventId,
    resource: LogicalResourceId,
    type: ResourceType,
    status: found.ResourceStatus ?? "",
    reason: found.ResourceStatusReason,
    ofStack: StackId === PhysicalResourceId,
  };
}
