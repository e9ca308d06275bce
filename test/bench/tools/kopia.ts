import { join } from "node:path";
import { measure } from "../measure.ts";
import { firstLine, type Tool } from "./tool.ts";

export const kopia: Tool = {
  name: "kopia",
  places: ["directory"],
  version: async () => (await firstLine(["kopia", "--version"]))?.replace(/^(\S+).*$/, "kopia $1"),
  async prepare({ source, home, repository, target }) {
    const env = {
      KOPIA_PASSWORD: "bench",
      KOPIA_CONFIG_PATH: join(home, "repository.config"),
      KOPIA_CACHE_DIRECTORY: join(home, "cache"),
      KOPIA_LOG_DIR: join(home, "log"),
      KOPIA_CHECK_FOR_UPDATES: "false",
    };
    await measure(["kopia", "repository", "create", "filesystem", "--path", repository], env);
    await measure(["kopia", "policy", "set", "--global", "--compression=zstd"], env);
    const create = ["kopia", "snapshot", "create", "--no-progress", source];
    const restore = ["kopia", "restore", "--no-progress", source, target];
    return { first: create, again: create, changed: create, restore, env };
  },
};
