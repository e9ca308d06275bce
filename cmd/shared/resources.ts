/** Turns the options of create-resources and update-resources into a stack, and a stack into what is printed. */
import { setTimeout } from "node:timers/promises";
import { untilAborted } from "../../core/abortable.ts";
import { connectStacks } from "../../core/create-resources/cloudformation.ts";
import type { Resources } from "../../core/create-resources/create.ts";
import { usersWithoutName } from "../../core/create-resources/machines.ts";
import { givenSettings } from "../../core/create-resources/parameters.ts";
import { askTagKeys, checkRoleTags } from "../../core/create-resources/role-tags.ts";
import type { Stack } from "../../core/create-resources/stacks.ts";
import { builtInTemplate } from "../../core/create-resources/template.ts";
import type { UpdateDeps } from "../../core/create-resources/update.ts";
import { type ExitStatus, exitStatus, Failure } from "../../core/failure.ts";
import type { CommandIO } from "../io.ts";
import type { ResourceArgs } from "./resource-options.ts";

export function resourcesOf(args: ResourceArgs): Resources {
  const template = builtInTemplate();
  const settings = givenSettings(template, args);
  return { stackName: stackNameOf(args), package: args.package, template, settings };
}

function stackNameOf({ stackName, package: name }: ResourceArgs): string {
  const chosen = stackName ?? name;
  if (/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(chosen)) return chosen;
  throw new Failure({
    doing: "name the stack",
    what: chosen,
    why: "CloudFormation allows up to 128 letters, digits and dashes, a letter first",
    remedy: "give --stack-name",
    exit: exitStatus.usage,
  });
}

/** The caller closes `stacks`. */
export async function stackDeps({ region }: ResourceArgs, { notify, signal, random }: CommandIO): Promise<UpdateDeps> {
  const token = () => Buffer.from(random(16)).toString("hex");
  const stacks = await untilAborted(signal, connectStacks({ region, signal, token }));
  const sleep = (milliseconds: number) => setTimeout(milliseconds, undefined, { signal });
  const nameless = (name: string) => usersWithoutName(name, stacks.region, signal);
  return { stacks, notify, sleep, signal, usersWithoutName: nameless };
}

/** Returns whether the stack, as it is now, is complete. */
export async function statusOf({ package: name }: Resources, deps: UpdateDeps): Promise<ExitStatus> {
  const tagged = await checkRoleTags(name, await askTagKeys(deps.stacks.region, deps.signal), deps);
  return tagged ? exitStatus.done : exitStatus.incomplete;
}

/** Prints the template under comments, for a dry run: CloudFormation takes the output as it is. */
export function printTemplate(
  { stackName, template }: Resources,
  parameters: ReadonlyMap<string, string>,
  before: Stack | undefined,
  io: CommandIO,
): void {
  const were = before?.parameters;
  if (io.json) {
    const previous = were === undefined ? {} : { previous: Object.fromEntries(were) };
    const stated = { stack: stackName, parameters: Object.fromEntries(parameters), ...previous };
    io.out(JSON.stringify({ ...stated, template: template.document }));
    return;
  }
  io.out(`# Stack ${JSON.stringify(stackName)}: dry run, nothing was changed. Parameters:`);
  for (const [name, value] of parameters) {
    const old = were?.get(name);
    const change =
      were === undefined || old === value ? "" : `   # now ${old === undefined ? "not there" : shown(old)}`;
    io.out(`#   ${name}: ${shown(value)}${change}`);
  }
  for (const line of template.written.trimEnd().split("\n")) io.out(line);
}

const shown = (value: string) => (value === "" ? "(empty)" : value);

/** Prints the stack as it is now, and what to do next. `outcome` is a word such as `created`. */
export function printStack(stack: Stack, outcome: string, region: string, io: CommandIO): void {
  const { parameters, outputs } = stack;
  if (io.json) {
    const made = { outputs: Object.fromEntries(outputs), parameters: Object.fromEntries(parameters) };
    io.out(JSON.stringify({ stack: stack.name, id: stack.id, region, status: stack.status, outcome, ...made }));
    return;
  }
  const name = parameters.get("PackageName") ?? "";
  io.out(`${outcome} the stack ${JSON.stringify(stack.name)} in ${region}`);
  const rows = [["Export", parameters.get("ExportName") ?? ""] as const, ...outputs];
  const width = Math.max(...rows.map(([key]) => key.length));
  for (const [key, value] of rows) io.out(`  ${key.padEnd(width)}  ${value}`);
  io.out("");
  io.out("Next, on each machine to back up:");
  io.out(`  sysbackup write-config --package-name ${name} --user NAME`);
  const days = Number(parameters.get("ExpireAfterDays") ?? 0);
  if (days > 0) {
    io.out(
      `S3 removes what no lock holds, ${days} days after it was stored: \`sysbackup renew\` keeps what is to stay.`,
    );
    return;
  }
  io.out("All backups stay until a steward removes old ones. To set one up, on a machine that nobody backs up:");
  io.out(`  sysbackup write-config --package-name ${name} --role steward --user backup-steward`);
  io.out("  systemctl edit sysbackup-prune.service   # what it keeps: docs/retention.md");
}
