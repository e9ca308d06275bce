import { stat } from "node:fs/promises";
import { userName } from "../system/owners.ts";
import { bad, type Look } from "./finding.ts";
import type { Runner } from "./runner.ts";

/**
 * Reports a file that the service runs or reads, if others can change it: they decide what is done with the rights of the
 * service. Empty if nobody else can.
 */
export async function ownerTrouble(path: string, { uid, name }: Runner): Promise<Look[]> {
  const { mode, uid: owner, gid } = await stat(path);
  const quoted = JSON.stringify(path);
  if ((mode & 0o002) !== 0) {
    return [
      bad(`${quoted} can be changed by every user of this machine`, `check what it does, then chmod o-w ${quoted}`),
    ];
  }
  if ((mode & 0o020) !== 0 && gid !== 0) {
    return [bad(`${quoted} can be changed by the group ${gid}`, `check what it does, then chmod g-w ${quoted}`)];
  }
  if (owner === 0 || owner === uid) return [];
  const whose = userName(owner) ?? `user ${owner}`;
  return [
    bad(
      `${quoted} belongs to ${whose}, who can thereby use the rights of ${name}`,
      `check what it does, then chown root ${quoted}`,
    ),
  ];
}
