/**
 * Flags with which Bun runs `cmd/main.ts` without loading anything from the working directory: no `bunfig.toml` (whose
 * `preload` is code), no `tsconfig.json` (whose `paths` replace modules), no `.env`, and no package that is not installed. The
 * first line of `cmd/main.ts` and `package.json` have the same flags; the compiled program needs none.
 */
export const soundBunFlags = [
  "--config=/dev/null",
  "--tsconfig-override=/dev/null",
  "--no-env-file",
  "--no-install",
] as const;
