/**
 * A notice is one thing worth telling the user that did not stop the run. Archive notices also go into the manifest's
 * `log`, so that whoever restores knows what the backup lacks.
 */
export type Notice = {
  readonly level: "info" | "warning" | "error";
  /** Stable word for scripts and tests, such as `picker-failed`; `docs/notices.md` lists them. */
  readonly code: string;
  /** Full sentence without final period; quotes the thing it speaks of. */
  readonly message: string;
};

/** Where a job tells its notices; the terminal, the journal, and the manifest each listen. */
export type Notify = (notice: Notice) => void;
