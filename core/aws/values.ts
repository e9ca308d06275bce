/** Checks option values whose form AWS defines. */
import { z } from "zod";
import { packagePattern, packageRule } from "./package.ts";

/** An account ID; empty for a service without accounts, such as Ceph. */
export const accountId = z.string().regex(/^(\d{12})?$/, "give the twelve digits of an AWS account");

/** A serial number or ARN of a device, as STS takes it. */
export const mfaSerial = z
  .string()
  .regex(/^[\w+=/:,.@-]{9,256}$/, "give the serial number of a device, or arn:aws:iam::123456789012:mfa/name");

export const packageName = z.string().regex(packagePattern, packageRule);
