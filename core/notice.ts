/**
 * A notice reports one thing to the user that did not stop the run. Archive notices also go into the manifest's `log`, so
 * that anyone who restores knows what the backup lacks.
 */
export type Notice = {
  readonly level: "info" | "warning" | "error";
  /** Stable word for scripts and tests, such as `picker-failed`; `docs/notices.md` lists them. */
  readonly code: string;
  /** Full sentence without final period; quotes the thing it is about. */
  readonly message: string;
};

/** Receives the notices of a job: the terminal, the journal, and the manifest each have one. */
export type Notify = (notice: Notice) => void;
