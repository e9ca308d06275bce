/**
 * The variables that pickers and snapshotters get of the environment of the run, beside the few that all children get: by
 * default all but credentials, and but what is meant for this program alone. docs/pickers.md has the rules.
 */
import type { Notice } from "../../notice.ts";

/** Names of variables to pass on, whatever they hold. `all` stands for all but credentials. */
export type PassEnvironment = readonly string[];

export type Environment = Readonly<Record<string, string | undefined>>;

const allButCredentials = "all";

/** Read by this program, by what loads it, or by the service manager that started it: set for it, and not for pickers. */
const meantForUs =
  /^(?:AWS|BUN|NODE|NPM|LD|LISTEN|WATCHDOG|BASH_FUNC)_|^(?:NOTIFY_SOCKET|CREDENTIALS_DIRECTORY|GLIBC_TUNABLES|BASH_ENV)$/i;

/** Ways to an agent that holds keys, or to its tickets. */
const agents =
  /^(?:SSH_AUTH_SOCK|SSH_AGENT_PID|SSH_CONNECTION|SSH_CLIENT|GPG_AGENT_INFO|KRB5CCNAME|XAUTHORITY|DBUS_SESSION_BUS_ADDRESS)$/;

/** Names of files, which are guarded by their modes: PGPASSFILE. */
const fileName = /FILE$/i;
const secretName =
  /PASSW|PASSPHRASE|SSHPASS|SECRET|TOKEN|CREDENTIAL|(?:API|ACCESS|PRIVATE)_?KEY|BEARER|AUTHORIZATION|CONNECTION_STRING|(?:^|_)(?:PASS|PWD?|PIN|AUTH|SAS|COOKIE|KEYS?|PAT|JWT|CREDS?)$/i;
const folders = /^(?:OLD)?PWD$/;

const secretValues: readonly RegExp[] = [
  // A URL with a user, or a user and password, as of a proxy or a database.
  /:\/\/[^\s/?#]*@/,
  /:\/\/[^\s/?#:@]+:\S*@/,
  /(?:password|passwd|pwd|secret|token)["']?\s*[=:]/i,
  /PRIVATE KEY-----|AGE-SECRET-KEY-/i,
  // A header of HTTP, the logins of Docker, a webhook.
  /\b(?:Bearer|Basic) [\w+/=.-]{8}|"auths?"\s*:|hooks\.slack\.com\/services\//i,
  // Keys of AWS, GitHub, GitLab, Slack and Stripe, and signed tokens.
  /\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[opsur]_\w{16}|github_pat_\w{16}|glpat-[\w-]{16}|xox[abeprs]-[\w-]{10}|[rs]k_live_\w{10}|eyJ[\w-]{8,}\.eyJ)/,
];

export type PassedEnvironment = {
  readonly environment: Readonly<Record<string, string>>;
  /** Names of variables that look like credentials of others, and may be missed. */
  readonly withheld: readonly string[];
};

export function passedEnvironment(ours: Environment, pass: PassEnvironment): PassedEnvironment {
  const passed = new Map<string, string>();
  const withheld: string[] = [];
  const all = pass.includes(allButCredentials);
  for (const [name, value] of Object.entries(ours)) {
    if (value === undefined) continue;
    if (pass.includes(name)) passed.set(name, value);
    else if (!all || meantForUs.test(name) || agents.test(name)) continue;
    else if (isSecret(name, value)) withheld.push(name);
    else passed.set(name, value);
  }
  return { environment: Object.fromEntries(passed), withheld: withheld.sort() };
}

function isSecret(name: string, value: string): boolean {
  const byName = secretName.test(name) && !fileName.test(name) && !folders.test(name);
  return byName || secretValues.some((secret) => secret.test(value));
}

const mostNamed = 10;

/** Says which variables do not get to pickers and snapshotters, and how they would. */
export function withheldNotice(withheld: readonly string[]): Notice {
  const named = withheld.slice(0, mostNamed).map((name) => JSON.stringify(name));
  const more = withheld.length > mostNamed ? ` and ${withheld.length - mostNamed} more` : "";
  const message = `pickers and snapshotters do not get ${named.join(", ")}${more}, which may hold a credential: name what they need in pass_environment under [backup]`;
  return { level: "info", code: "environment-withheld", message };
}
