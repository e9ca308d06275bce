/** The program on a terminal, with somebody who answers. Needs python3. */
import { join } from "node:path";
import { z } from "zod";
import { programWords } from "./program.ts";
import { python3 } from "./python.ts";

export type Answer = {
  /** Text that is shown before it is typed. */
  readonly when: string;
  readonly type: string;
};

/** `shown` is all that the terminal showed, echoed answers among it. */
export type Session = { readonly shown: string; readonly exit: number };

const driver = join(import.meta.dir, "on-terminal.py");
const session = z.object({ shown: z.string(), exit: z.number() });

/** `env` is the whole environment. What is typed goes by a pipe, and so into nobody's argv. */
export async function onTerminal(
  args: readonly string[],
  { env, answers }: { readonly env: Readonly<Record<string, string>>; readonly answers: readonly Answer[] },
): Promise<Session> {
  const wanted = JSON.stringify({ argv: [...programWords, ...args], env, answers });
  const child = Bun.spawn([python3, driver], { stdin: new Blob([wanted]), stdout: "pipe", stderr: "inherit" });
  return session.parse(JSON.parse(await child.stdout.text()));
}
