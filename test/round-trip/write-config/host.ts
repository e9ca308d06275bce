/** write-config on a machine of its own: a real systemd in namespaces, nothing of this machine's changed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { z } from "zod";
import type { Outcome } from "../../support/program.ts";
import type { Answer } from "../../support/pty.ts";
import { clientConfig, has, moto } from "../../support/services.ts";
import { program as installed, installProgram } from "../../support/systemd/installed.ts";
import { bootSystemd, canBootSystemd, type SystemdHost } from "../../support/systemd.ts";
import { type Account, newAccount } from "./account.ts";

export const canSetUp = canBootSystemd && moto !== undefined && has("age") && has("ccrypt") && has("python3");

export const program = [installed];
const driver = join(import.meta.dir, "../../support/on-terminal.py");
const session = z.object({ shown: z.string(), exit: z.number() });

export type Machine = AsyncDisposable &
  Pick<SystemdHost, "path" | "run"> & {
    /** `sysbackup write-config` for the account's package. */
    writeConfig(...args: string[]): Promise<Outcome>;
    /** Runs on a terminal, with somebody who types; `stdout` is all that was shown. */
    onTerminal(
      words: readonly string[],
      answers: readonly Answer[],
      env?: Readonly<Record<string, string>>,
    ): Promise<Outcome>;
    /** A command of the shell. */
    sh(script: string): Promise<Outcome>;
    read(path: string): Promise<string>;
  };

export async function newMachine(account: Account): Promise<Machine> {
  const host = await bootSystemd();
  await installProgram(host);
  const { run, path } = host;
  const env = account.env;
  return {
    path,
    run,
    writeConfig: (...args) => run([...program, "write-config", "--package-name", account.package, ...args], { env }),
    async onTerminal(words, answers, more = {}) {
      const argv = [...program, ...words];
      const all = {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: "/root",
        LANG: "C.UTF-8",
        TERM: "xterm",
        ...env,
        ...more,
      };
      const { stdout, stderr } = await run(["python3", driver], { stdin: JSON.stringify({ argv, env: all, answers }) });
      const { shown, exit } = session.parse(JSON.parse(stdout));
      return { exit, stdout: shown, stderr };
    },
    sh: (script) => run(["sh", "-c", script], { env }),
    read: (file) => readFile(path(file), "utf8"),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

export async function accountAndMachine(parameters: Readonly<Record<string, string>> = {}) {
  if (moto === undefined) throw new Error("moto is not running");
  const account = await newAccount(moto, parameters);
  const machine = await newMachine(account);
  return {
    account,
    machine,
    async [Symbol.asyncDispose]() {
      await machine[Symbol.asyncDispose]();
      await account[Symbol.asyncDispose]();
    },
  };
}

/** The secret of the first key pair in the text of a credentials file. */
export function secretIn(text: string): string {
  const [, secret = ""] = /^aws_secret_access_key = (\S+)$/m.exec(text) ?? [];
  if (secret.length < 20) throw new Error("there is no secret key");
  return secret;
}

/** moto takes what a bucket policy denies under a condition for denied always. */
export async function withoutPolicy(bucket: string | undefined): Promise<void> {
  if (moto === undefined) return;
  const client = new S3Client(clientConfig(moto));
  await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  client.destroy();
}
