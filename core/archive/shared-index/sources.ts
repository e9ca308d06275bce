/** Whose word is asked of the table, and whose is still read in the bucket. */
import type { Config } from "../../config/config.ts";
import type { ChunkSource } from "../../format/index/shared-chunk.ts";

type Belief = Pick<Config["content"], "shareWith" | "believeVerified">;

/** Returns who is asked, the strongest first. Each has keys of its own, so `*` cannot be asked: index objects of all are read. */
export function believedSources({ shareWith, believeVerified }: Belief, ownName: string): ChunkSource[] {
  const names = shareWith.includes("*") ? [] : shareWith.filter((name) => name !== ownName);
  return [...(believeVerified ? (["verified"] as const) : []), ...names.map((name) => ({ name }))];
}

/** Returns what index objects are believed beside the table: our own, should the state be lost, and those of all if all are believed. */
export function withTable(shareWith: readonly string[], ownName: string): Belief {
  return { shareWith: shareWith.filter((name) => name === "*" || name === ownName), believeVerified: false };
}
