/** Names of hosts with backups of s3-sysbackup, in the order of those with ours: `web1-db` comes before `web1`, as `-` before `/`. */
export class LegacyNames {
  readonly #known = new Set<string>();
  /** The last one comes first. */
  #waiting: string[] = [];
  #isSorted = true;

  add(name: string): void {
    if (this.#known.has(name)) return;
    this.#known.add(name);
    this.#waiting.push(name);
    this.#isSorted = false;
  }

  /** Takes the names up to this one, or all that are left. */
  *upTo(name: string | undefined): Generator<string> {
    if (!this.#isSorted) this.#waiting.sort((one, other) => (folderOf(one) < folderOf(other) ? 1 : -1));
    this.#isSorted = true;
    for (let next = this.#waiting.at(-1); next !== undefined; next = this.#waiting.at(-1)) {
      if (name !== undefined && folderOf(next) > folderOf(name)) return;
      this.#waiting.pop();
      yield next;
    }
  }
}

function folderOf(name: string): string {
  return `${name}/`;
}
