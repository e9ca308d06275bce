/** Examples of a page of docs/, and a shell that runs them with a fixture's bucket. */
import { join } from "node:path";
import type { Fixture } from "../restore/support.ts";
import { programInShell } from "../support/program.ts";

export function pageOf(name: string): Promise<string> {
  return Bun.file(join(import.meta.dir, "../../docs", name)).text();
}

/** Returns the texts of code blocks of one language. */
function blocksIn(page: string, language: string): string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"));
  return [...blocks].map(([, text = ""]) => text);
}

export type PageExample = { readonly command: string; readonly output: string };

/** Returns the commands of console blocks, each with what the page says that it prints. */
export function examplesIn(page: string): PageExample[] {
  return blocksIn(page, "console").flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const end = text.indexOf("\n");
        return { command: text.slice(0, end), output: text.slice(end + 1) };
      }),
  );
}

/** Returns the lines of shell blocks. */
export function commandsIn(page: string): string[] {
  return blocksIn(page, "sh").flatMap((block) => block.trim().split("\n"));
}

/** Runs a line of a page in a shell, where `sysbackup` is this program with the fixture's bucket. */
export async function typed(line: string, { scratch, bucketPath }: Fixture) {
  const options = `--conf-dir '${scratch.path}' --bucket 'file://${bucketPath}'`;
  const named = `case " $* " in *" --name "*|*" --all "*) ;; *) set -- "$@" --name web1 ;; esac`;
  const script = `sysbackup() { ${named}; ${programInShell} "$@" ${options}; }\n${line}`;
  const child = Bun.spawn(["sh", "-c", script], { cwd: scratch.path, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exit };
}
