/** Modes of an S3 retention. A GOVERNANCE lock can be lifted by those whom a policy allows to; a COMPLIANCE lock by nobody. */
export const lockModes = ["GOVERNANCE", "COMPLIANCE"] as const;

export type LockMode = (typeof lockModes)[number];
