import { exitStatus } from "../../../core/failure.ts";
import type { WriteConfigRequest } from "../../../core/write-config/request.ts";
import { describe, perform } from "../../../core/write-config/steps.ts";
import { type Plan, plan } from "../../../core/write-config/write-config.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { soundBunFlags } from "../../shared/sound-bun.ts";
import type { WriteConfigArgs } from "./arguments.ts";
import { requestOf } from "./request.ts";

export const run: RunSubcommand<WriteConfigArgs> = async (args, io) => {
  const request = requestOf(args, { folder: process.cwd(), program: programWords() });
  const isRoot = process.getuid?.() === 0;
  const { hostName, notify, signal, random } = io;
  const planned = await plan(request, { isRoot, hostName, notify, signal, sleep, random });
  if (args.dryRun) {
    print(io, { ...documentOf(request, planned), steps: describe(planned.steps, isRoot) }, [
      ...describe(planned.steps, isRoot),
      "dry run: nothing was changed",
    ]);
    return exitStatus.done;
  }
  await perform(planned.steps, { isRoot, notify, signal });
  print(io, documentOf(request, planned), summaryOf(request, planned));
  return exitStatus.done;
};

/** The command of this program: one file if compiled, else Bun and a script. */
function programWords(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, ...soundBunFlags, Bun.main];
}

/** Waits. Rejects with the signal's reason if it aborts first. */
async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await Promise.race([
    Bun.sleep(milliseconds),
    new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    }),
  ]);
}

function print({ json, out }: CommandIO, document: object, lines: readonly string[]): void {
  for (const line of json ? [JSON.stringify(document)] : lines) out(line);
}

function documentOf({ confDir, source, units, start }: WriteConfigRequest, { role, copy, trustedLine, later }: Plan) {
  return {
    confDir,
    ...(source.kind === "user" && { user: source.name }),
    role: role.arn,
    bucket: role.bucket,
    region: role.region,
    ...(copy !== undefined && { credsFile: copy }),
    ...(trustedLine !== undefined && { trusted: trustedLine }),
    unit: units.unit,
    start,
    next: nextCommands({ confDir, units }, later),
  };
}

function nextCommands(
  { confDir, units }: Pick<WriteConfigRequest, "confDir" | "units">,
  later: readonly string[],
): string[] {
  const doctor = confDir === "/etc/backup" ? "sysbackup doctor" : `sysbackup doctor --conf-dir ${confDir}`;
  return [...later, `systemctl start ${units.unit}.service`, doctor];
}

function summaryOf(request: WriteConfigRequest, planned: Plan): string[] {
  const { source, confDir, units } = request;
  const { role, copy, trustedLine, later } = planned;
  const how = { user: "an IAM user's key", copy: "the key of the encrypted file", ambient: "what the AWS SDK finds" };
  return [
    `this machine is set up as ${role.arn}, for the bucket ${role.bucket} in ${role.region}`,
    `credentials: ${how[source.kind]}${source.kind === "user" ? ` (${source.name})` : ""}`,
    ...(copy === undefined
      ? []
      : [`to set this machine up again: ${copy}; run: sysbackup write-config --creds-file ${copy}`]),
    `configuration: ${confDir}/conf`,
    ...(trustedLine === undefined
      ? []
      : ["keep this line where no machine can change it, in the file of --trust:", `  ${trustedLine}`]),
    ...(later.length === 0 ? [`timer: ${units.unit}.timer is active`] : []),
    "next:",
    ...nextCommands(request, later).map((command) => `  ${command}`),
  ];
}
