/** Buckets, with the state databases beside them, as earlier versions of sysbackup left them: `make.sh` made each. */
import { Database } from "bun:sqlite";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Scratch, scratch } from "../faults/scratch.ts";
import { run } from "../services/command.ts";

const common = { path: z.string(), mode: z.int(), mtime_ns: z.string() } as const;
const treeSchema = z.array(
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("folder"), ...common }),
    z.object({ type: z.literal("fifo"), ...common }),
    z.object({ type: z.literal("link"), ...common, target: z.string() }),
    z.object({ type: z.literal("file"), ...common, size: z.int(), sha256: z.string() }),
  ]),
);

/** What a restore of the newest backup makes; `path` is relative, one character for each byte. */
export type OldTree = z.output<typeof treeSchema>;

export class OldBuckets implements AsyncDisposable {
  private constructor(
    readonly scratch: Scratch,
    readonly tree: OldTree,
  ) {}

  /** `commit`: of the sysbackup that made them. */
  static async open(commit: string): Promise<OldBuckets> {
    const place = await scratch();
    await run(["tar", "-xzf", join(import.meta.dir, `${commit}.tar.gz`), "-C", place.path]);
    const tree = treeSchema.parse(JSON.parse(await readFile(join(place.path, "tree.json"), "utf8")));
    return new OldBuckets(place, tree);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }

  bucketPath(name: string): string {
    return join(this.scratch.path, "buckets", name);
  }

  get stateDir(): string {
    return join(this.scratch.path, "state");
  }

  /** Tells the state database that its bucket, which was moved here, is its own. */
  async moveState(name: string, bucketUrl: string): Promise<void> {
    const path = join(this.stateDir, `${name}.sqlite`);
    using database = new Database(path, { strict: true });
    database.query("UPDATE facts SET value = ? WHERE name = 'bucket'").run(bucketUrl);
    await rm(`${path}.sum`, { force: true });
  }

  async loseState(): Promise<void> {
    await rm(this.stateDir, { recursive: true });
  }
}
