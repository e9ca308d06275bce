/**
 * Seals and opens from now on: with the program `age` if it is installed, else with a package that this program brings. Plugs into the
 * filter of `core/format/codecs/sealing.ts`; `core/stored` applies it.
 */
import { openBy, sealBy } from "../format/codecs/sealing.ts";
import type { Notify } from "../notice.ts";
import { memoryFile } from "../system/files/memory-file.ts";
import { which } from "../system/processes/programs.ts";
import { openByProgram, sealByProgram } from "./age-program.ts";
import { type AskPassphrase, readIdentities } from "./identity.ts";
import { checkedSeal } from "./way.ts";

type Means = "program" | "package";

/** `by`: for tests; else what is installed decides. `signal` ends programs that run. */
type SealingTools = { readonly by?: Means; readonly signal?: AbortSignal };

function installed(): Means {
  return which("age") === undefined ? "package" : "program";
}

/** Seals for these recipients, until it is disposed of. */
export async function sealFor(
  recipients: readonly string[],
  notify: Notify,
  { by = installed(), signal }: SealingTools = {},
): Promise<Disposable> {
  if (by === "program") return sealBy("age", checkedSeal(sealByProgram(recipients, signal)));
  notify(slower("seals"));
  const { sealByPackage } = await import("./age-package.ts");
  return sealBy("age", checkedSeal(sealByPackage(recipients)));
}

export type OpeningTools = SealingTools & { readonly notify: Notify; readonly askPassphrase: AskPassphrase };

/** Opens with the identities in a file, until it is disposed of. Throws a Failure for a file that cannot be one. */
export async function openWith(file: string, tools: OpeningTools): Promise<Disposable> {
  return openWithLines(await readIdentities(file, tools.askPassphrase), tools);
}

/** Opens with identities that are in no file, until it is disposed of. */
export async function openWithLines(
  lines: readonly string[],
  { notify, by = installed(), signal }: OpeningTools,
): Promise<Disposable> {
  if (by === "program") {
    // The program cannot read some files: what a shell gives in place of one, by descriptor, is this process's alone.
    const inMemory = memoryFile(Buffer.from(`${lines.join("\n")}\n`));
    const opening = openBy("age", openByProgram([inMemory.path], signal));
    return {
      [Symbol.dispose]() {
        opening[Symbol.dispose]();
        inMemory[Symbol.dispose]();
      },
    };
  }
  notify(slower("opens"));
  const { openByPackage } = await import("./age-package.ts");
  return openBy("age", openByPackage(lines));
}

function slower(does: string) {
  const message = `the program age is not installed: this program ${does} backups itself, which is slower; install the package age`;
  return { level: "info", code: "age-not-installed", message } as const;
}
