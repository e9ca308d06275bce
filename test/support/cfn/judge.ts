/** What policies say of a request, by AWS's rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html>. */
import type { Policy, Statement } from "./policies.ts";

export type Request = {
  /** Such as `s3:GetObject`. */
  readonly action: string;
  /** ARN. */
  readonly resource: string;
  /** Condition keys that the request has, in the spelling of policies; case does not count. */
  readonly context: Readonly<Record<string, string>>;
};

export type Judgement = {
  /** Whether any statement allows it, and none denies it. */
  readonly allowed: boolean;
  /** The `Sid` of each statement that denies it. */
  readonly deniedBy: readonly string[];
};

export function judge(policies: readonly Policy[], request: Request): Judgement {
  const meant = policies.flatMap(({ Statement }) => Statement).filter((statement) => isMeant(statement, request));
  const deniedBy = meant.filter(({ Effect }) => Effect === "Deny").map(({ Sid = "?" }) => Sid);
  return { allowed: deniedBy.length === 0 && meant.length > 0, deniedBy };
}

function isMeant(statement: Statement, request: Request): boolean {
  const { Action, Resource, NotResource, Condition = {} } = statement;
  const names = (patterns: readonly string[]) => patterns.some((pattern) => isLike(request, request.resource, pattern));
  return (
    hasValues(statement, request) &&
    Action.some((action) => isLike(request, request.action.toLowerCase(), action.toLowerCase())) &&
    (Resource === undefined || names(Resource)) &&
    (NotResource === undefined || !names(NotResource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, key, values, request)),
    )
  );
}

/** A policy variable: `${aws:PrincipalTag/name}`. */
const variable = /\$\{([^}]+)\}/g;

/** A statement with a variable that the request has no value for is void, also one that denies. */
function hasValues(statement: Statement, request: Request): boolean {
  const named = [...JSON.stringify(statement).matchAll(variable)];
  return named.every(([, key = ""]) => keyOf(request, key) !== undefined);
}

function keyOf({ context }: Request, key: string): string | undefined {
  return Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}

/** A negated operator holds if the key is absent, and if none of its values match. */
function holds(operator: string, key: string, values: readonly string[], request: Request): boolean {
  const value = keyOf(request, key);
  const isEqual = () => values.some((one) => filled(one, request) === value);
  const isLikeOne = () => value !== undefined && values.some((pattern) => isLike(request, value, pattern));
  switch (operator) {
    case "Null":
      return values.includes(String(value === undefined));
    case "Bool":
    case "StringEquals":
      return value !== undefined && isEqual();
    case "ForAllValues:StringEquals":
      return value === undefined || isEqual();
    case "StringLike":
    case "ForAnyValue:StringLike":
      return isLikeOne();
    case "ForAllValues:StringLike":
      return value === undefined || isLikeOne();
    case "StringNotEquals":
    case "ForAllValues:StringNotEquals":
      return value === undefined || !isEqual();
    case "StringNotLike":
      return !isLikeOne();
    case "NumericGreaterThan":
      return value !== undefined && values.some((limit) => Number(value) > Number(limit));
    default:
      throw new Error(`the condition operator ${operator} is not known here`);
  }
}

function filled(text: string, request: Request): string {
  return text.replace(variable, (_, key: string) => keyOf(request, key) ?? "");
}

/** Wildcards in the value of a variable stand for themselves. */
function isLike(request: Request, text: string, pattern: string): boolean {
  const parts = pattern.split(variable);
  const source = parts.map((part, place) =>
    place % 2 === 1
      ? literally(keyOf(request, part) ?? "")
      : literally(part).replaceAll("\\*", ".*").replaceAll("\\?", "."),
  );
  return new RegExp(`^${source.join("")}$`, "s").test(text);
}

function literally(text: string): string {
  return text.replace(/[.+^${}()|[\]\\*?]/g, "\\$&");
}
