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

function isMeant({ Action, Resource = ["*"], Condition = {} }: Statement, request: Request): boolean {
  return (
    Action.some((action) => isLike(request.action.toLowerCase(), action.toLowerCase())) &&
    Resource.some((resource) => isLike(request.resource, resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, keyOf(request, key), values)),
    )
  );
}

function keyOf({ context }: Request, key: string): string | undefined {
  return Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}

/** A negated operator holds if the key is absent, and if none of its values match. */
function holds(operator: string, value: string | undefined, values: readonly string[]): boolean {
  switch (operator) {
    case "Null":
      return values.includes(String(value === undefined));
    case "Bool":
    case "StringEquals":
      return value !== undefined && values.includes(value);
    case "StringLike":
      return value !== undefined && values.some((pattern) => isLike(value, pattern));
    case "StringNotEquals":
    case "ForAllValues:StringNotEquals":
      return value === undefined || !values.includes(value);
    case "StringNotLike":
      return value === undefined || !values.some((pattern) => isLike(value, pattern));
    case "NumericGreaterThan":
      return value !== undefined && values.some((limit) => Number(value) > Number(limit));
    default:
      throw new Error(`the condition operator ${operator} is not known here`);
  }
}

function isLike(text: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
}
