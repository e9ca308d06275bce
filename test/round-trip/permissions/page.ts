/** Generates the tables of `docs/permissions.md`. */
import { type RoleName, roleNames } from "../../../core/aws/package.ts";
import { knownDeviations } from "./deviations.ts";
import { changes, inert } from "./for-ceph.ts";
import type { Cell } from "./measure.ts";
import type { Layer } from "./stage.ts";

export type Measured = {
  readonly groups: readonly { readonly title: string; readonly cells: readonly Cell[] }[];
  /** Job, and the exit status under each role. */
  readonly jobs: readonly { readonly job: string; readonly exits: Readonly<Record<RoleName, number>> }[];
};

export function page({ groups, jobs }: Measured): string {
  return [
    "## The jobs of the program",
    "Exit statuses, measured on Ceph with the rights of the role and the bucket policy. 0: it works. All others are refusals.",
    table([
      ["", ...roleNames],
      ...jobs.map(({ job, exits }) => [job, ...roleNames.map((role) => String(exits[role]))]),
    ]),
    "## Everything else",
    ...groups.flatMap(({ title, cells }) => [`### ${title}`, attemptsTable(cells)]),
    "## Where Ceph differs",
    "With a role's own rights and the bucket policy, Ceph 16.2 **wrongly allows**:",
    wronglyAllowed(groups.flatMap(({ cells }) => cells)),
    "These are all the answers that differ from AWS's rules, by the defences in place:",
    deviationsTable(),
    "These statements of the template's policies are changed for Ceph, or have no effect there:",
    table([["statement", "for Ceph", "because"], ...statements]),
  ].join("\n\n");
}

const statements = [...changes, ...inert].map(({ sid, change, why }) => [`\`${sid}\``, change, why]);

function attemptsTable(cells: readonly Cell[]): string {
  const names = [...new Set(cells.map(({ attempt }) => attempt.name))];
  const rows = names.map((name) => {
    const own = roleNames.map((role) => cells.find((cell) => cell.role === role && cell.attempt.name === name));
    const sids = new Set(own.flatMap((cell) => cell?.refused.bucket ?? []));
    return [
      name,
      ...own.map((cell) => (cell === undefined ? "" : cellText(cell))),
      [...sids].map((sid) => `\`${sid}\``).join(", "),
    ];
  });
  return table([["", ...roleNames, "denied in the bucket policy by"], ...rows]);
}

/** What refuses the attempt; with a star if that was not seen on Ceph, for example because S3 refuses it regardless of the policies. */
function cellText({ refused, measured }: Cell): string {
  const refusals = (["role", "bucket", "S3"] as const)
    .filter((layer) => (layer === "bucket" ? refused.bucket.length > 0 : refused[layer]))
    .map((layer) => (isSeen(measured, layer) ? layer : `${layer}\\*`));
  if (refusals.length > 0) return refusals.join(", ");
  return measured.together === "allowed" ? "**allowed**" : "**allowed**\\*";
}

function isSeen(measured: Cell["measured"], layer: "role" | "bucket" | "S3"): boolean {
  return measured[layer] === "refused" && (layer === "S3" || measured.S3 !== "refused");
}

function wronglyAllowed(cells: readonly Cell[]): string {
  const wrong = cells.filter(
    ({ refused: { role, bucket, S3 }, measured }) =>
      measured.together === "allowed" && (role || bucket.length > 0 || S3),
  );
  const names = [...new Set(wrong.map(({ attempt }) => attempt.name))];
  const rolesOf = (name: string) => wrong.filter(({ attempt }) => attempt.name === name).map(({ role }) => role);
  return names.map((name) => `- ${name}: ${rolesOf(name).join(", ")}`).join("\n");
}

const standing: Readonly<Record<Layer, string>> = {
  role: "role",
  bucket: "bucket",
  S3: "S3",
  together: "role and bucket",
};

function deviationsTable(): string {
  const rows = knownDeviations.flatMap(({ attempts, seen, why }) =>
    attempts.map((attempt) => {
      const answers = seen.map(({ layer, roles, measured }) => {
        return `${standing[layer]}: ${measured} (${roles.length === roleNames.length ? "all" : roles.join(", ")})`;
      });
      return [attempt, answers.join("; "), why];
    }),
  );
  return table([["", "defence: answer (roles)", "because"], ...rows]);
}

function table([head = [], ...body]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...body].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...body.map(line)].join("\n");
}
