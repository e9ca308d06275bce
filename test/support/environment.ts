/** The environment of a test run: what is needed to run, and nothing else of the machine or of who started it. */
import { folderInMemory } from "./memory.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Names, and beginnings of names. `TMPDIR` may be chosen. */
const kept = [/^(PATH|TMPDIR|CI|UPDATE_DOCS|NODE_ENV|JEST_WORKER_ID)$/, /^SYSBACKUP_TEST_/, /^BUN_/];

/** What a fresh machine has; on AWS's machines, no role of theirs. No folder, so that nothing is read or left there. */
const fixed = { HOME: "/nonexistent", LANG: "C.UTF-8", TZ: "UTC", AWS_EC2_METADATA_DISABLED: "true" } as const;

function testEnvironment(machine: Environment): Record<string, string> {
  const own: Record<string, string> = { ...fixed, TMPDIR: folderInMemory() ?? "/tmp" };
  for (const [name, value] of Object.entries(machine)) {
    if (value !== undefined && kept.some((pattern) => pattern.test(name))) own[name] = value;
  }
  return own;
}

/** Makes it the environment of this process, and of the children that are given `process.env`. */
export function enterTestEnvironment(): void {
  const own = testEnvironment(process.env);
  for (const name of Object.keys(process.env)) if (!(name in own)) delete process.env[name];
  Object.assign(process.env, own);
}
