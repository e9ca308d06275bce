/** Which statuses of a stack let nobody create or update it, and the way out of each. */
import { Failure } from "../failure.ts";
import type { Stack } from "./stacks.ts";

/** Undefined where the stack is whole and at rest. */
export function blocked({ name, status }: Stack, doing: string): Failure | undefined {
  const remedy = wayOut(status, name);
  if (remedy === undefined) return undefined;
  return new Failure({ doing, what: name, why: `it exists, with the status ${status}`, remedy });
}

function wayOut(status: string, name: string): string | undefined {
  const aws = (command: string) => `aws cloudformation ${command} --stack-name ${name}`;
  if (status === "REVIEW_IN_PROGRESS")
    return `it is a change set that nobody has executed: execute it, or delete the stack (${aws("delete-stack")})`;
  if (status.endsWith("_IN_PROGRESS")) return "wait until CloudFormation is done with it, and try again";
  if (status === "ROLLBACK_COMPLETE")
    return `its creation failed and it holds nothing: sysbackup create-resources removes its own and begins anew; another's, delete (${aws("delete-stack")})`;
  if (status === "UPDATE_ROLLBACK_FAILED")
    return `see its events in the CloudFormation console, mend the cause, and let it end (${aws("continue-update-rollback")})`;
  if (/^(?:CREATE|ROLLBACK|DELETE)_FAILED$/.test(status))
    return `see its events in the CloudFormation console, mend the cause, and delete it (${aws("delete-stack")})`;
  return undefined;
}
