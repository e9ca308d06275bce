/** What the rights of this user mean for the executables that a run starts. */
import { privilegedUser } from "../system/trust/privileged.ts";
import type { ArchiveJob } from "./job.ts";

/** Returns the user whose rights executables get, if these are more than others have and only some executables may get them. */
export function rightsOf({ insecurePickers }: Pick<ArchiveJob, "insecurePickers">): number | undefined {
  return insecurePickers ? undefined : privilegedUser();
}
