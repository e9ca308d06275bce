/** Values that AWS sets the form of, as options give them. */
import { z } from "zod";
import { packagePattern, packageRule } from "./package.ts";

/** Empty where a service has no accounts, as Ceph has none. */
export const accountId = z.string().regex(/^(\d{12})?$/, "give the twelve digits of an AWS account");

/** As STS takes them. */
export const mfaSerial = z
  .string()
  .regex(/^[\w+=/:,.@-]{9,256}$/, "give the serial number of a device, or arn:aws:iam::123456789012:mfa/name");

export const packageName = z.string().regex(packagePattern, packageRule);
