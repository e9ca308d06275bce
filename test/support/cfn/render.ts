/**
 * What CloudFormation makes of a template: its resources with every function evaluated, for given parameters. Whatever a
 * template says that this does not know is an error, so that nothing is rendered by guessing.
 */

export type Setting = {
  /** Over the defaults of the template. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly partition?: string;
  /** Twelve digits on AWS; empty on Ceph, whose ARNs name none. */
  readonly account?: string;
  readonly region?: string;
  readonly stack?: string;
  /** IDs that a service gives, by the resource's name in the template: of roles, `RoleId`. */
  readonly ids?: Readonly<Record<string, string>>;
};

type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

type Resource = { readonly type: string; readonly properties: { readonly [key: string]: Value } };

export type Rendered = {
  /** Those whose condition holds, by their name in the template. */
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, Value>>;
};

export function render(template: unknown, setting: Setting = {}): Rendered {
  const stack = new Stack(section(template), setting);
  return { resources: stack.resources(), outputs: stack.outputs() };
}

type Section = Readonly<Record<string, unknown>>;

function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function section(value: unknown): Section {
  if (value === undefined) return {};
  if (isSection(value)) return value;
  throw new Error(`not a mapping: ${JSON.stringify(value)}`);
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`not a list: ${JSON.stringify(value)}`);
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Error(`not a text: ${JSON.stringify(value)}`);
}

/** What `AWS::NoValue` leaves of a property or an item of a list. */
const nothing = Symbol("AWS::NoValue");

class Stack {
  readonly #template: Section;
  readonly #setting: Setting;

  readonly #parameters: Readonly<Record<string, string>>;
  readonly #pseudo: Readonly<Record<string, string | typeof nothing>>;
  readonly #conditions: Section;
  readonly #resources: Section;

  constructor(template: Section, setting: Setting) {
    this.#template = template;
    this.#setting = setting;

    this.#parameters = parametersOf(section(template.Parameters), setting.parameters ?? {});
    this.#conditions = section(template.Conditions);
    this.#resources = section(template.Resources);
    const { partition = "aws", account = "123456789012", region = "eu-central-1", stack = "stack" } = setting;
    this.#pseudo = {
      "AWS::Partition": partition,
      "AWS::AccountId": account,
      "AWS::Region": region,
      "AWS::StackName": stack,
      "AWS::NoValue": nothing,
    };
  }

  resources(): Record<string, Resource> {
    const rendered = Object.keys(this.#resources)
      .filter((id) => this.#exists(id))
      .map((id) => [id, { type: this.#typeOf(id), properties: this.#properties(id) }] as const);
    return Object.fromEntries(rendered);
  }

  outputs(): Record<string, Value> {
    const outputs = Object.entries(section(this.#template.Outputs))
      .map(([name, output]) => [name, section(output)] as const)
      .filter(([, { Condition }]) => Condition === undefined || this.#holds(text(Condition)));
    return Object.fromEntries(outputs.map(([name, { Value }]) => [name, this.#value(Value)]));
  }

  #resource(id: string): Section {
    const resource = this.#resources[id];
    if (resource === undefined) throw new Error(`the template has no resource or parameter ${JSON.stringify(id)}`);
    return section(resource);
  }

  #exists(id: string): boolean {
    const { Condition } = this.#resource(id);
    return Condition === undefined || this.#holds(text(Condition));
  }

  #typeOf(id: string): string {
    return text(this.#resource(id).Type);
  }

  #properties(id: string): { [key: string]: Value } {
    const properties = this.#value(section(this.#resource(id).Properties));
    if (typeof properties !== "object" || properties === null || isList(properties)) throw new Error("no properties");
    return properties;
  }

  #property(id: string, name: string): string | undefined {
    const value = this.#evaluate(section(this.#resource(id).Properties)[name]);
    return value === undefined || value === nothing ? undefined : text(value);
  }

  /** A value that has to be there. */
  #value(source: unknown): Value {
    const value = this.#evaluate(source);
    if (value === nothing || value === undefined) throw new Error(`no value: ${JSON.stringify(source)}`);
    return value;
  }

  #evaluate(source: unknown): Value | typeof nothing | undefined {
    if (Array.isArray(source)) return source.map((item) => this.#evaluate(item)).filter(isThere);
    if (isSection(source)) return this.#evaluateSection(source);
    if (source === undefined || source === null || typeof source === "boolean" || typeof source === "number")
      return source;
    return text(source);
  }

  #evaluateSection(source: Section): Value | typeof nothing {
    const [only, more] = Object.entries(source);
    if (only !== undefined && more === undefined && (only[0] === "Ref" || only[0].startsWith("Fn::")))
      return this.#call(only[0], only[1]);
    const entries = Object.entries(source).map(([key, value]) => [key, this.#evaluate(value)] as const);
    return Object.fromEntries(entries.flatMap(([key, value]) => (isThere(value) ? [[key, value]] : [])));
  }

  #call(name: string, argument: unknown): Value | typeof nothing {
    switch (name) {
      case "Ref":
        return this.#ref(text(argument));
      case "Fn::GetAtt":
        return this.#attribute(...pair(list(argument).map(text)));
      case "Fn::Sub":
        return this.#sub(argument);
      case "Fn::If": {
        const [condition, yes, no] = list(argument);
        return this.#evaluate(this.#holds(text(condition)) ? yes : no) ?? nothing;
      }
      case "Fn::Join": {
        const [separator, items] = pair(list(argument));
        return list(this.#value(items)).map(text).join(text(separator));
      }
      case "Fn::Split": {
        const [separator, whole] = pair(list(argument));
        return text(this.#value(whole)).split(text(separator));
      }
      case "Fn::Select": {
        const [index, items] = pair(list(argument));
        const item = list(this.#value(items))[Number(this.#value(index))];
        return this.#value(item);
      }
      default:
        throw new Error(`the function ${name} is not known here`);
    }
  }

  #holds(condition: string): boolean {
    const rule = this.#conditions[condition];
    if (rule === undefined) throw new Error(`the template has no condition ${JSON.stringify(condition)}`);
    return this.#isTrue(rule);
  }

  #isTrue(rule: unknown): boolean {
    const [[name, argument] = ["", undefined]] = Object.entries(section(rule));
    switch (name) {
      case "Condition":
        return this.#holds(text(argument));
      case "Fn::Equals": {
        const [one, other] = pair(list(argument));
        return text(this.#value(one)) === text(this.#value(other));
      }
      case "Fn::Not":
        return !this.#isTrue(list(argument)[0]);
      case "Fn::And":
        return list(argument).every((part) => this.#isTrue(part));
      case "Fn::Or":
        return list(argument).some((part) => this.#isTrue(part));
      default:
        throw new Error(`${JSON.stringify(rule)} is no condition`);
    }
  }

  #sub(argument: unknown): string {
    const [format, own] = Array.isArray(argument) ? pair(argument) : [argument, {}];
    const variables = section(own);
    return text(format).replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal === "!") return `\${${name}}`;
      if (name in variables) return text(this.#value(variables[name]));
      const [id, attribute] = name.split(/\.(.*)/s);
      return attribute === undefined ? text(this.#ref(name)) : this.#attribute(id ?? "", attribute);
    });
  }

  #ref(id: string): string | typeof nothing {
    const given = this.#pseudo[id] ?? this.#parameters[id];
    if (given !== undefined) return given;
    const type = this.#typeOf(id);
    switch (type) {
      case "AWS::S3::Bucket":
        return this.#named(id, "BucketName").toLowerCase();
      case "AWS::IAM::Role":
        return this.#named(id, "RoleName");
      case "AWS::IAM::Group":
        return this.#named(id, "GroupName");
      case "AWS::IAM::ManagedPolicy":
        return this.#arn("iam", `policy${this.#property(id, "Path") ?? "/"}${this.#named(id, "ManagedPolicyName")}`);
      case "AWS::DynamoDB::Table":
        return this.#named(id, "TableName");
      default:
        throw new Error(`what a reference to ${type} gives is not known here`);
    }
  }

  #attribute(id: string, attribute: string): string {
    const type = this.#typeOf(id);
    switch (`${type} ${attribute}`) {
      case "AWS::S3::Bucket Arn":
        return `arn:${text(this.#pseudo["AWS::Partition"])}:s3:::${this.#named(id, "BucketName")}`;
      case "AWS::IAM::Role Arn":
        return this.#arn("iam", `role${this.#property(id, "Path") ?? "/"}${this.#named(id, "RoleName")}`);
      case "AWS::IAM::Role RoleId":
        return this.#setting.ids?.[id] ?? `AROA${id.toUpperCase()}`;
      case "AWS::DynamoDB::Table Arn":
        return this.#arn("dynamodb", `table/${this.#named(id, "TableName")}`, text(this.#pseudo["AWS::Region"]));
      default:
        throw new Error(`the attribute ${attribute} of ${type} is not known here`);
    }
  }

  /** The name that the template gives, or one as CloudFormation makes it up. */
  #named(id: string, property: string): string {
    return this.#property(id, property) ?? `${text(this.#pseudo["AWS::StackName"])}-${id}`;
  }

  #arn(service: string, resource: string, region = ""): string {
    const [partition, account] = [this.#pseudo["AWS::Partition"], this.#pseudo["AWS::AccountId"]].map(text);
    return `arn:${partition}:${service}:${region}:${account}:${resource}`;
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isThere(value: Value | typeof nothing | undefined): value is Value {
  return value !== nothing && value !== undefined;
}

function pair<T>([one, other]: readonly T[]): [T, T] {
  if (one === undefined || other === undefined) throw new Error("a pair is needed");
  return [one, other];
}

function parametersOf(declared: Section, given: Readonly<Record<string, string>>): Record<string, string> {
  for (const name of Object.keys(given))
    if (!(name in declared)) throw new Error(`the template has no parameter ${JSON.stringify(name)}`);
  const values = Object.entries(declared).map(([name, parameter]) => [name, given[name] ?? section(parameter).Default]);
  return Object.fromEntries(values.map(([name, value]) => [text(name), text(value)]));
}
