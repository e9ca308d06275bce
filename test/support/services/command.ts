/** Runs a command to its end. */

export type CommandOptions = {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Kills the command when it aborts; its reason is then thrown. */
  readonly signal?: AbortSignal;
};

/** Its stdout as text; throws with what it printed when it fails. */
export async function run(command: readonly string[], { env, signal }: CommandOptions = {}): Promise<string> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
    killSignal: "SIGKILL",
    ...(signal && { signal }),
  });
  const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  signal?.throwIfAborted();
  if (status !== 0) throw new Error(`${command.join(" ")} ended with status ${status}: ${tail(stderr + stdout)}`);
  return stdout;
}

/** Programs that crash print a lot; the end of it is enough for a message. */
export function tail(text: string): string {
  return text.trim().slice(-2000);
}
