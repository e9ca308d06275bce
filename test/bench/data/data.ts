/** What is backed up: each kind is hard in another way. */
export type Data = {
  readonly name: string;
  /** For the page: what it is, and why. */
  readonly about: string;
  /** Whether the page shows where the time goes. */
  readonly isTraced?: boolean;
  /** Fills an empty folder. Always with the same bytes, but for the machine's own files. */
  make(folder: string): Promise<void>;
  /** Changes it, as a day does; missing where nothing but the first backup is of interest. */
  change?(folder: string): Promise<void>;
};
