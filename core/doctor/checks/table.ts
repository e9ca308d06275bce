import type { Config } from "../../config/config.ts";
import { sharedKeys } from "../../format/index/shared-chunk.ts";
import { prefixes } from "../../format/keys/keys.ts";
import { TableError } from "../../table/contract.ts";
import type { Check } from "../check.ts";
import { good, type Look, note, warning } from "../finding.ts";
import { type Machine, taskOf } from "../machine.ts";

type Asked = { readonly table: string; readonly key: string };

/** Checks that each table of DynamoDB that this machine uses answers, has the right key, and lets it look up. Puts nothing. */
export const table: Check<"config" | "bucket" | "openTable"> = {
  name: "table",
  async look(machine) {
    const asked = askedOf(await machine.config());
    if (asked.length === 0) return [note("not needed: none is configured for what this machine does")];
    // What is wrong with the credentials is reported by their own check.
    await machine.bucket();
    const looks: Look[] = [];
    for (const one of asked) looks.push(await lookAt(one, machine));
    return looks;
  },
};

/** Returns what this machine asks of its tables, by keys that policies let it look up. */
function askedOf(config: Config): Asked[] {
  const { index, backup, bundles } = config;
  const task = taskOf(config);
  if (task !== "backup" && task !== "reader") return [];
  const source = task === "reader" ? "verified" : { name: backup.name };
  const shared = index.dynamodbTable;
  const ofBundles = bundles.flatMap((section) => (typeof section.index === "string" ? [] : [section.index.table]));
  return [
    ...(shared === undefined ? [] : [{ table: shared, key: sharedKeys.published(source) }]),
    ...[...new Set(task === "reader" ? [] : ofBundles)].map((name) => ({
      table: name,
      key: `${prefixes.bundles}${backup.name}/`,
    })),
  ];
}

async function lookAt({ table: name, key }: Asked, machine: Pick<Machine, "openTable">): Promise<Look> {
  try {
    await (await machine.openTable(name)).read([key], []);
    return good(`${JSON.stringify(name)} answers, and lets this machine look up what is under ${JSON.stringify(key)}`);
  } catch (error) {
    if (!(error instanceof TableError)) throw error;
    const { doing, what, why, remedy } = error.parts;
    const text = `cannot ${doing} ${JSON.stringify(what ?? name)}: ${why}`;
    return warning(text, remedy ?? "runs go on without it, and store what they do not know; see docs/fleet.md");
  }
}
