import { join } from "node:path";
import { measure } from "../measure.ts";
import { firstLine, type Tool } from "./tool.ts";

export const borg: Tool = {
  name: "borg",
  places: ["directory"],
  version: () => firstLine(["borg", "--version"]),
  async prepare({ source, home, repository, target }) {
    const env = {
      BORG_PASSPHRASE: "bench",
      BORG_BASE_DIR: home,
      BORG_REPO: join(repository, "borg"),
      BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
    };
    await measure(["borg", "init", "--encryption=repokey-blake2"], env);
    const create = ["borg", "create", "--compression", "zstd,3", "::{now:%Y%m%d%H%M%S%f}", source];
    // borg extracts into the current folder.
    const extract = `cd '${target}' && borg extract "::$(borg list --last 1 --format '{archive}')"`;
    return { first: create, again: create, changed: create, restore: ["sh", "-c", extract], env };
  },
};
