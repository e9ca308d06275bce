import { examine } from "../../../core/doctor/examine.ts";
import { type DoctorFinding, type State, worst } from "../../../core/doctor/finding.ts";
import { createMachine } from "../../../core/doctor/machine.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { RunSubcommand } from "../../io.ts";
import { connect } from "../../shared/connect.ts";
import type { DoctorArgs } from "./arguments.ts";

export const run: RunSubcommand<DoctorArgs> = async ({ confDir, name, bucket, unit }, io) => {
  const { hostName, now, signal } = io;
  const open = (config: Parameters<typeof connect>[0]) => connect(config, io);
  const machine = createMachine({ confDir, hostName, name, bucket, unit, connect: open, now });
  const line = process.stdout.isTTY ? aligned : plain;
  const findings: DoctorFinding[] = [];
  try {
    const report = (finding: DoctorFinding) => {
      findings.push(finding);
      if (!io.json) io.out(line(finding));
    };
    await examine(machine, report, signal);
  } finally {
    await machine.close();
  }
  const state = worst(findings);
  if (io.json) io.out(JSON.stringify({ state, findings }));
  return statuses[state];
};

const statuses = {
  good: exitStatus.done,
  note: exitStatus.done,
  warning: exitStatus.incomplete,
  bad: exitStatus.failed,
} as const;

const marks: Readonly<Record<State, string>> = { good: "✓", note: "·", warning: "!", bad: "✗" };
/** Length of `snapshotters`. */
const longestName = 12;

export function aligned({ check, state, text, remedy }: DoctorFinding): string {
  return `${marks[state]} ${check.padEnd(longestName)}  ${withRemedy(text, remedy)}`;
}

export function plain({ check, state, text, remedy }: DoctorFinding): string {
  return `${state}: ${check}: ${withRemedy(text, remedy)}`;
}

function withRemedy(text: string, remedy: string | undefined): string {
  return remedy === undefined ? text : `${text}; ${remedy}`;
}
