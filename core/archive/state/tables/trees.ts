/** The state database keeps two trees of entries: that of files, and that of dumps which lie in chunks. Each has its rows and its parts. */
export const trees = ["files", "dumps"] as const;
export type Tree = (typeof trees)[number];

/** Names of their tables. */
export const tablesOf = {
  files: { rows: "files", parts: "parts" },
  dumps: { rows: "dumps", parts: "dump_parts" },
} as const;
