/** The arguments of `sysbackup unbundle`, parsed. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import { type ThawSpeed, thawSpeeds } from "../../../core/format/storage-class.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { oneOf } from "../../shared/choice.ts";
import type { Words } from "../../subcommand.ts";

const actions = ["list", "verify", "restore"] as const;

export type UnbundleArgs = Access & {
  readonly action: (typeof actions)[number];
  /** What keys begin with; empty for all. */
  readonly prefix: string;
  /** The table of DynamoDB in which the script has noted what it stored. */
  readonly table: string | undefined;
  /** Absolute. */
  readonly target: string;
  readonly numericOwner: boolean;
  /** How fast what is frozen is thawed first; undefined: it is named, and left out. */
  readonly thaw: ThawSpeed | undefined;
  /** Whether thawing is paid for without asking. */
  readonly yes: boolean;
};

export function unbundleArgs(words: Words): UnbundleArgs {
  const [written, prefix = ""] = words.operands;
  const action = actions.find((known) => known === written);
  if (action === undefined) {
    const why = `known are ${actions.join(", ")}`;
    throw new Failure({ doing: "unbundle", what: written ?? "", why, exit: exitStatus.usage });
  }
  const target = words.path("target");
  if (action === "restore" && target === undefined) {
    const [why, remedy] = ["no --target is given", "name the folder to restore into"];
    throw new Failure({ doing: "restore bundles of the script", why, remedy, exit: exitStatus.usage });
  }
  const thaw = words.value("thaw");
  if (thaw !== undefined && action !== "restore") {
    const [why, remedy] = [`${action} restores nothing`, "leave it out, or restore"];
    throw new Failure({ doing: "use --thaw", what: thaw, why, remedy, exit: exitStatus.usage });
  }
  return {
    ...accessOf(words),
    action,
    prefix: prefix.replace(/^\/+/, ""),
    table: words.value("dynamodb-table-name"),
    target: target ?? "/",
    numericOwner: words.given("numeric-owner"),
    thaw: thaw === undefined ? undefined : oneOf("thaw", thawSpeeds, thaw),
    yes: words.given("yes"),
  };
}
