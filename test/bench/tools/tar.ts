/** What everybody has: `tar` and `zstd`, `find` for a look at what is there. Keeps one copy, without history. */
import { join } from "node:path";
import { firstLine, type Tool } from "./tool.ts";

export const tar: Tool = {
  name: "tar, zstd; find -ls",
  places: ["directory"],
  async version() {
    const [tarIs, zstdIs] = await Promise.all([firstLine(["tar", "--version"]), firstLine(["zstd", "--version"])]);
    return tarIs && zstdIs && `${tarIs}, zstd ${/v[\d.]+/.exec(zstdIs)?.[0] ?? ""}`;
  },
  async prepare({ source, repository, target }) {
    const archive = join(repository, "tar.zst");
    return {
      first: shell(`tar -C '${source}' -cf - . | zstd -q -3 -T2 -o '${archive}'`),
      again: shell(`find '${source}' -ls > /dev/null`),
      restore: shell(`zstd -q -dc '${archive}' | tar -C '${target}' -xf -`),
      env: {},
    };
  },
};

function shell(script: string): string[] {
  return ["sh", "-c", script];
}
