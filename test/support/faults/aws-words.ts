/** Refusals in the words of AWS and of other services, as their documents and users give them. */
const role = "arn:aws:sts::123456789012:assumed-role/sysbackup-backup/sysbackup-web1";

export type Words = { readonly status: number; readonly code: string; readonly message: string };

const denied = (message: string): Words => ({ status: 403, code: "AccessDenied", message });
const notAuthorized = (action: string, why: string): Words =>
  denied(`User: ${role} is not authorized to perform: ${action} on resource: "arn:aws:s3:::the-bucket/packs/a" ${why}`);

/** Each way in which a policy denies `action`. All name the action, whatever the lock. */
export const deniedByPolicy = (action: string): Readonly<Record<string, Words>> => ({
  "because no policy allows it": notAuthorized(action, `because no identity-based policy allows the ${action} action`),
  "by the bucket policy": notAuthorized(action, "with an explicit deny in a resource-based policy"),
  "by the boundary": notAuthorized(action, `because no permissions boundary allows the ${action} action`),
  "by the organisation": notAuthorized(action, "with an explicit deny in a service control policy"),
  "by the session": notAuthorized(action, `because no session policy allows the ${action} action`),
  "by an endpoint's policy": notAuthorized(action, `because no VPC endpoint policy allows the ${action} action`),
  "without a word": denied("Access Denied"),
});

/** Ways in which services say that a lock is why, whether it is or not. */
export const refusedByLock: Readonly<Record<string, Words>> = {
  "as AWS says it": denied("Access Denied because object protected by object lock."),
  "as Ceph says it": denied(""),
  "as MinIO says it": {
    status: 400,
    code: "InvalidRequest",
    message: "Object is WORM protected and cannot be overwritten",
  },
  "as versitygw says it": { status: 403, code: "AccessDenied", message: "Object retention period cannot be shortened" },
  "by a conflict": { status: 409, code: "OperationAborted", message: "A conflicting retention is in place" },
};

export function refusal({ status, code, message }: Words): Response {
  const text = message.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${text}</Message><RequestId>R</RequestId></Error>`;
  return new Response(body, { status, headers: { "content-type": "application/xml", "x-amz-request-id": "R" } });
}

/** Whether a request is for an object's lock: `GET` reads it, `PUT` sets it. */
export const isAboutLock = ({ url }: Request): boolean => new URL(url).searchParams.has("retention");
