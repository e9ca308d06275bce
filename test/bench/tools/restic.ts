/** restic, and rustic, which reads and writes the same repositories with the same words. */
import { join } from "node:path";
import { measure } from "../measure.ts";
import { awsKeys, type Place } from "../places.ts";
import { firstLine, type Ground, type Tool } from "./tool.ts";

export const restic: Tool = {
  name: "restic",
  places: ["directory", "Ceph"],
  version: async () => (await firstLine(["restic", "version"]))?.split(" ").slice(0, 2).join(" "),
  async prepare(ground, place) {
    const env = {
      RESTIC_PASSWORD: "bench",
      RESTIC_CACHE_DIR: join(ground.home, "cache"),
      RESTIC_REPOSITORY: repositoryAt(ground, place),
      ...(place.name === "Ceph" && awsKeys(place.address)),
    };
    await measure(["restic", "init", "-q"], env);
    const backup = ["restic", "backup", "-q", ground.source];
    const restore = ["restic", "restore", "-q", "latest", "--target", ground.target];
    return { first: backup, again: backup, changed: backup, restore, env };
  },
};

export const rustic: Tool = {
  name: "rustic",
  places: ["directory"],
  version: () => firstLine(["rustic", "--version"]),
  async prepare({ source, home, repository, target }) {
    const env = {
      RUSTIC_PASSWORD: "bench",
      RUSTIC_CACHE_DIR: join(home, "cache"),
      RUSTIC_REPOSITORY: repository,
      RUSTIC_NO_PROGRESS: "true",
      RUSTIC_LOG_LEVEL: "error",
    };
    await measure(["rustic", "init"], env);
    const backup = ["rustic", "backup", source];
    return { first: backup, again: backup, changed: backup, restore: ["rustic", "restore", "latest", target], env };
  },
};

function repositoryAt({ repository }: Ground, place: Place): string {
  return place.name === "directory" ? repository : `s3:${place.address.endpoint}/${place.bucket}`;
}
