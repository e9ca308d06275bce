import { strangerWhoCanChange } from "../system/trust/strangers.ts";
import { bad, type Look } from "./finding.ts";
import type { Runner } from "./runner.ts";

/**
 * Reports a file that the service runs or reads, if others can change it, in place or on the way: they decide what is done with
 * the rights of the service, which refuses it. Empty if nobody else can.
 */
export async function ownerTrouble(path: string, { uid, name }: Runner): Promise<Look[]> {
  const stranger = await strangerWhoCanChange(path, uid);
  if (stranger === undefined) return [];
  const quoted = JSON.stringify(stranger.path);
  const fix = stranger.how.startsWith("belongs") ? `chown root ${quoted}` : `chmod go-w ${quoted}`;
  return [
    bad(`${quoted} ${stranger.how}, who can thereby use the rights of ${name}`, `check what it does, then ${fix}`),
  ];
}
