/** Finds the machines that the roles of this version would shut out. AWS code is loaded lazily. */
import { requestHandler } from "../aws/handler.ts";
import { nameTag } from "../aws/package.ts";
import { Failure, reasonOf } from "../failure.ts";

/** Returns the users of the package's backup role that have no backup name. None if there is no such group. */
export async function usersWithoutName(name: string, region: string, signal: AbortSignal): Promise<string[]> {
  const group = `${name}-backup-users`;
  const { IAMClient, ListUserTagsCommand, NoSuchEntityException, paginateGetGroup } = await import(
    "@aws-sdk/client-iam"
  );
  const client = new IAMClient({ region, requestHandler: await requestHandler(signal) });
  const found: string[] = [];
  try {
    for await (const { Users = [] } of paginateGetGroup({ client }, { GroupName: group })) {
      for (const { UserName } of Users) {
        const { Tags = [] } = await client.send(new ListUserTagsCommand({ UserName }));
        if (UserName !== undefined && !Tags.some(({ Key }) => Key === nameTag)) found.push(UserName);
      }
    }
    return found;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof NoSuchEntityException) return found;
    throw new Failure({
      doing: "look for machines without a name in the IAM group",
      what: group,
      why: reasonOf(error),
      remedy: "allow iam:GetGroup and iam:ListUserTags, or use an administrator's credentials (AWS_PROFILE)",
      cause: error,
    });
  } finally {
    client.destroy();
  }
}
