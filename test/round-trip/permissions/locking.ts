/** Attempts to change a lock. */
import { type ObjectLockRetentionMode, PutObjectLegalHoldCommand, PutObjectRetentionCommand } from "@aws-sdk/client-s3";
import { type Attempt, bypass, exactly, inDays, type Limits, lockContext, longerDays, whose } from "./attempt.ts";

export const locks = ({ longestLockDays, longestKeepDays, other }: Limits): Attempt[] => {
  const extend = (name: string, days: number, mode: ObjectLockRetentionMode, more: Partial<Attempt> = {}): Attempt => ({
    name,
    target: "packs/",
    needs: [{ action: "PutObjectRetention", context: lockContext(mode, days) }],
    send: (client, to) => {
      const Retention = { Mode: mode, RetainUntilDate: inDays(days) };
      return client.send(new PutObjectRetentionCommand({ ...exactly(to), Retention }));
    },
    ...more,
  });
  const short = lockContext("GOVERNANCE", 1);
  return [
    extend("extend a lock", longerDays, "GOVERNANCE"),
    ...["manifests/", "index/"].flatMap((folder) =>
      Object.entries(whose).map(([words, name]) =>
        extend(`extend a lock in ${folder} ${words}`, longerDays, "GOVERNANCE", { target: `${folder}${name}` }),
      ),
    ),
    extend("extend a lock in verified/", longerDays, "GOVERNANCE", { target: "verified/" }),
    extend("extend a lock beyond LongestLockDays", longestLockDays + 1.5, "GOVERNANCE"),
    extend("extend a lock beyond LongestKeepDays", longestKeepDays + 1.5, "GOVERNANCE"),
    extend("change a lock to the other mode", longerDays, other, { lock: true }),
    extend("shorten a lock", 1, "GOVERNANCE", { lock: true }),
    {
      name: "shorten a lock, bypassing governance",
      target: "packs/",
      needs: [
        { action: "PutObjectRetention", context: short },
        { action: "BypassGovernanceRetention", context: short },
      ],
      send: (client, to) => {
        const Retention = { Mode: "GOVERNANCE", RetainUntilDate: inDays(1) } as const;
        return client.send(new PutObjectRetentionCommand({ ...exactly(to), ...bypass, Retention }));
      },
    },
    {
      name: "lift a lock, bypassing governance",
      target: "packs/",
      needs: [{ action: "PutObjectRetention" }, { action: "BypassGovernanceRetention" }],
      send: (client, to) => client.send(new PutObjectRetentionCommand({ ...exactly(to), ...bypass, Retention: {} })),
    },
    {
      name: "set a legal hold",
      target: "packs/",
      needs: [{ action: "PutObjectLegalHold", context: { "s3:object-lock-legal-hold": "ON" } }],
      send: (client, to) => client.send(new PutObjectLegalHoldCommand({ ...exactly(to), LegalHold: { Status: "ON" } })),
    },
    {
      name: "lift a legal hold",
      target: "packs/",
      needs: [{ action: "PutObjectLegalHold", context: { "s3:object-lock-legal-hold": "OFF" } }],
      send: (client, to) =>
        client.send(new PutObjectLegalHoldCommand({ ...exactly(to), LegalHold: { Status: "OFF" } })),
    },
  ];
};
