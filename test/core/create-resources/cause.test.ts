import { describe, expect, test } from "bun:test";
import { causeOf, causeText } from "../../../core/create-resources/cause.ts";
import type { StackEvent } from "../../../core/create-resources/stacks.ts";

let ids = 0;
function event(status: string, resource: string, reason?: string, type = "AWS::IAM::Role"): StackEvent {
  ids += 1;
  const ofStack = type === "AWS::CloudFormation::Stack";
  return { id: String(ids), resource, type, status, reason, ofStack };
}
const ofStack = (status: string, reason?: string) => event(status, "sysbackup", reason, "AWS::CloudFormation::Stack");

/** A reason in CloudFormation's words. */
const taken =
  'Resource handler returned message: "the-bucket already exists (Service: S3, Status Code: 409)" (RequestToken: 7f2c, HandlerErrorCode: AlreadyExists)';

describe("the event that caused the failure", () => {
  test("the cause is the first failure, not the resources that it cancelled, nor the stack's own event", () => {
    const events = [
      ofStack("CREATE_IN_PROGRESS", "User Initiated"),
      event("CREATE_IN_PROGRESS", "Bucket"),
      event("CREATE_FAILED", "BackupRole", "Resource creation cancelled"),
      event("CREATE_FAILED", "Bucket", taken, "AWS::S3::Bucket"),
      event("CREATE_FAILED", "AuditRole", "Resource creation cancelled"),
      event("CREATE_FAILED", "StewardRole", "something later"),
      ofStack(
        "ROLLBACK_IN_PROGRESS",
        "The following resource(s) failed to create: [Bucket]. Rollback requested by user.",
      ),
      ofStack("ROLLBACK_COMPLETE"),
    ];
    const cause = causeOf(events);
    expect(cause?.resource).toBe("Bucket");
    expect(cause && causeText(cause)).toBe(
      'AWS::S3::Bucket "Bucket": the-bucket already exists (Service: S3, Status Code: 409)',
    );
  });

  test("the cause in an update is also the first failure", () => {
    const events = [
      ofStack("UPDATE_IN_PROGRESS", "User Initiated"),
      event("UPDATE_FAILED", "AuditRole", "Resource update cancelled"),
      event("UPDATE_FAILED", "BackupRole", "The role is not modifiable."),
      ofStack("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [BackupRole]."),
    ];
    const cause = causeOf(events);
    expect(cause && causeText(cause)).toBe('AWS::IAM::Role "BackupRole": The role is not modifiable');
  });

  test("the cause is the stack's own event if no resource failed, as for a name that another stack exports", () => {
    const clash = "Export with name backup-bucket is already exported by stack other. Rollback requested by user.";
    const events = [ofStack("CREATE_IN_PROGRESS", "User Initiated"), ofStack("ROLLBACK_IN_PROGRESS", clash)];
    const cause = causeOf(events);
    expect(cause && causeText(cause)).toBe(
      "Export with name backup-bucket is already exported by stack other. Rollback requested by user",
    );
  });

  test("there is no cause if nothing failed", () => {
    expect(causeOf([ofStack("CREATE_IN_PROGRESS", "User Initiated"), ofStack("CREATE_COMPLETE")])).toBeUndefined();
    expect(causeOf([])).toBeUndefined();
  });
});
