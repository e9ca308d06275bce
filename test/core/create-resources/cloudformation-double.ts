/**
 * CloudFormation's query protocol on a port of this machine, for what moto cannot play: stacks that take their time, fail and
 * roll back. It refuses what AWS refuses: a second stack of a name, updates of one that rolled back or is busy, and the deletion
 * of a protected one.
 */

export type Step = readonly [status: string, resource: string, type: string, reason?: string];

type DoubleStack = {
  readonly id: string;
  readonly name: string;
  status: string;
  protected: boolean;
  /** Token of the request that created the stack. */
  token: string | null;
  parameters: [name: string, value: string][];
  tags: [name: string, value: string][];
  /** Oldest first. */
  readonly events: { readonly id: string; readonly step: Step }[];
  /** Two of them come about between two looks. */
  pending: Step[];
};

const whole = "AWS::CloudFormation::Stack";

export class CloudFormationDouble implements Disposable {
  readonly #server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => this.#answer(request) });
  readonly #stacks: DoubleStack[] = [];
  /** Actions, in the order in which they were asked for. */
  readonly asked: string[] = [];
  /** Form of the last request that created or updated something. */
  lastForm = new URLSearchParams();
  /** What the next creates, updates and deletes lead to, each without the event that it begins with. */
  readonly scripts: (readonly Step[])[] = [];
  /** The next request for this is carried out, but its answer is an error of the server. */
  loses: string | undefined;
  /** Answers of this kind instead of its own, as often as said. */
  refusal: { code: string; message: string; status: number; times: number } | undefined;

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** Puts a stack there, without an event. */
  plant(name: string, status: string, { parameters = {}, tags = {} }: Planted = {}): void {
    this.#stacks.push({
      ...this.#blank(name),
      status,
      parameters: Object.entries(parameters),
      tags: Object.entries(tags),
    });
  }

  names(): string[] {
    return this.#stacks.filter(({ status }) => status !== "DELETE_COMPLETE").map(({ name }) => name);
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }

  #blank(name: string): DoubleStack {
    const id = `arn:aws:cloudformation:us-east-1:123456789012:stack/${name}/${this.#stacks.length + 1}`;
    return { id, name, status: "", protected: false, token: null, parameters: [], tags: [], events: [], pending: [] };
  }

  async #answer(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    const action = form.get("Action") ?? "";
    this.asked.push(action);
    if (this.refusal !== undefined && this.refusal.times > 0) {
      this.refusal.times -= 1;
      return refused(this.refusal.code, this.refusal.message, this.refusal.status);
    }
    const answer = this.#carryOut(action, form);
    if (this.loses !== action) return answer;
    this.loses = undefined;
    return refused("InternalFailure", "An internal error has occurred", 500);
  }

  #carryOut(action: string, form: URLSearchParams): Response {
    const stack = this.#find(form.get("StackName") ?? "");
    if (action === "CreateStack") return this.#create(form, stack);
    if (stack === undefined) return refused("ValidationError", `Stack with id ${form.get("StackName")} does not exist`);
    switch (action) {
      case "DescribeStacks":
        return this.#describe(stack);
      case "DescribeStackEvents":
        return answered(
          action,
          `<StackEvents>${stack.events
            .map((event) => eventXml(stack, event))
            .reverse()
            .join("")}</StackEvents>`,
        );
      case "UpdateStack":
        return this.#update(form, stack);
      case "UpdateTerminationProtection":
        stack.protected = form.get("EnableTerminationProtection") === "true";
        return answered(action, `<StackId>${stack.id}</StackId>`);
      case "DeleteStack":
        if (stack.protected)
          return refused(
            "ValidationError",
            `Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`,
          );
        this.#begin(stack, "DELETE_IN_PROGRESS");
        return answered(action, "");
      default:
        return refused("InvalidAction", `${action} is not known`);
    }
  }

  #find(nameOrId: string): DoubleStack | undefined {
    return this.#stacks.find(
      ({ id, name, status }) => id === nameOrId || (name === nameOrId && status !== "DELETE_COMPLETE"),
    );
  }

  #create(form: URLSearchParams, existing: DoubleStack | undefined): Response {
    const token = form.get("ClientRequestToken");
    if (existing !== undefined && token !== null && existing.token === token)
      return answered("CreateStack", `<StackId>${existing.id}</StackId>`);
    if (existing !== undefined) return refused("AlreadyExistsException", `Stack [${existing.name}] already exists`);
    this.lastForm = form;
    const stack = this.#blank(form.get("StackName") ?? "");
    stack.token = token;
    stack.protected = form.get("EnableTerminationProtection") === "true";
    stack.parameters = pairs(form, "Parameters", "ParameterKey", "ParameterValue");
    stack.tags = pairs(form, "Tags", "Key", "Value");
    this.#stacks.push(stack);
    this.#begin(stack, "CREATE_IN_PROGRESS");
    return answered("CreateStack", `<StackId>${stack.id}</StackId>`);
  }

  #update(form: URLSearchParams, stack: DoubleStack): Response {
    if (stack.status.endsWith("_IN_PROGRESS") || stack.status === "ROLLBACK_COMPLETE")
      return refused("ValidationError", `Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
    this.lastForm = form;
    this.#begin(stack, "UPDATE_IN_PROGRESS");
    return answered("UpdateStack", `<StackId>${stack.id}</StackId>`);
  }

  #begin(stack: DoubleStack, status: string): void {
    stack.pending = [[status, stack.name, whole, "User Initiated"], ...(this.scripts.shift() ?? [])];
    this.#happen(stack);
  }

  #happen(stack: DoubleStack): void {
    const step = stack.pending.shift();
    if (step === undefined) return;
    stack.events.push({ id: `${stack.name}-${stack.events.length}`, step });
    if (step[2] === whole && step[1] === stack.name) stack.status = step[0];
  }

  #describe(stack: DoubleStack): Response {
    this.#happen(stack);
    this.#happen(stack);
    const parameters = stack.parameters.map(([name, value]) => member({ ParameterKey: name, ParameterValue: value }));
    const tags = stack.tags.map(([name, value]) => member({ Key: name, Value: value }));
    const facts = fields({ StackId: stack.id, StackName: stack.name, StackStatus: stack.status });
    const lists = `<Parameters>${parameters.join("")}</Parameters><Tags>${tags.join("")}</Tags>`;
    return answered("DescribeStacks", `<Stacks><member>${facts}${lists}</member></Stacks>`);
  }
}

type Planted = {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
};

function pairs(form: URLSearchParams, list: string, key: string, value: string): [string, string][] {
  const found: [string, string][] = [];
  for (let number = 1; form.has(`${list}.member.${number}.${key}`); number += 1) {
    found.push([
      form.get(`${list}.member.${number}.${key}`) ?? "",
      form.get(`${list}.member.${number}.${value}`) ?? "",
    ]);
  }
  return found;
}

function eventXml({ id, name }: DoubleStack, event: { readonly id: string; readonly step: Step }): string {
  const [status, resource, type, reason] = event.step;
  return member({
    EventId: event.id,
    StackId: id,
    StackName: name,
    LogicalResourceId: resource,
    PhysicalResourceId: type === whole && resource === name ? id : `physical-${resource}`,
    ResourceType: type,
    ResourceStatus: status,
    Timestamp: "2026-11-22T00:00:00.000Z",
    ...(reason !== undefined && { ResourceStatusReason: reason }),
  });
}

const fields = (values: Readonly<Record<string, string>>) =>
  Object.entries(values)
    .map(([name, value]) => `<${name}>${Bun.escapeHTML(value)}</${name}>`)
    .join("");
const member = (values: Readonly<Record<string, string>>) => `<member>${fields(values)}</member>`;

const headers = { "content-type": "text/xml" };

function answered(action: string, result: string): Response {
  const text = `<${action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><${action}Result>${result}</${action}Result></${action}Response>`;
  return new Response(text, { headers });
}

function refused(code: string, message: string, status = 400): Response {
  const error = fields({ Type: "Sender", Code: code, Message: message });
  return new Response(`<ErrorResponse><Error>${error}</Error><RequestId>1</RequestId></ErrorResponse>`, {
    status,
    headers,
  });
}
