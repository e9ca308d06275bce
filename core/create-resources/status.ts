/** Finds statuses of a stack that prevent creating or updating it, and the remedy for each. */
import { Failure } from "../failure.ts";
import type { Stack } from "./stacks.ts";

/** Undefined if the stack is complete and nothing is in progress. */
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
    return `its creation failed and it holds nothing: sysbackup create-resources removes its own and starts again; delete another's (${aws("delete-stack")})`;
  if (status === "UPDATE_ROLLBACK_FAILED")
    return `see its events in the CloudFormation console, fix the cause, and continue the rollback (${aws("continue-update-rollback")})`;
  if (/^(?:CREATE|ROLLBACK|DELETE)_FAILED$/.test(status))
    return `see its events in the CloudFormation console, fix the cause, and delete it (${aws("delete-stack")})`;
  return undefined;
}
