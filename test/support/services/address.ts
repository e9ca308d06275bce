/**
 * Passes the addresses of the test services from the runner to the tests: one environment variable for each service, holding
 * JSON. A variable that is not set means that the service is not there.
 */
import { z } from "zod";

const cephAddress = z.object({
  endpoint: z.url(),
  region: z.string(),
  /** Keys of a user who may do everything, also with roles. */
  accessKey: z.string(),
  secretKey: z.string(),
  /** File to which the gateway appends one JSON object for each request it has served. */
  requestLog: z.string(),
});

const motoAddress = z.object({ endpoint: z.url(), region: z.string(), accessKey: z.string(), secretKey: z.string() });

export type CephAddress = Readonly<z.infer<typeof cephAddress>>;
export type MotoAddress = Readonly<z.infer<typeof motoAddress>>;
export type Addresses = { readonly ceph?: CephAddress | undefined; readonly moto?: MotoAddress | undefined };

const variables = { ceph: "SYSBACKUP_TEST_CEPH", moto: "SYSBACKUP_TEST_MOTO" } as const;

type Environment = Readonly<Record<string, string | undefined>>;

export function toEnvironment({ ceph, moto }: Addresses): Record<string, string> {
  return {
    ...(ceph && { [variables.ceph]: JSON.stringify(ceph) }),
    ...(moto && { [variables.moto]: JSON.stringify(moto) }),
  };
}

/** Throws when a variable is set to anything else than an address. */
export function fromEnvironment(environment: Environment): Addresses {
  return {
    ceph: parsed(cephAddress, environment[variables.ceph]),
    moto: parsed(motoAddress, environment[variables.moto]),
  };
}

function parsed<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}
