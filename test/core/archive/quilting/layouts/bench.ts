/** A content layout on its own: a directory bucket, a state database, and a ledger between them. */
import type { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContentLayout, LayoutDeps } from "../../../../../core/archive/quilting/layouts/layout.ts";
import { Ledger } from "../../../../../core/archive/quilting/layouts/ledger.ts";
import type { OpenFile } from "../../../../../core/archive/quilting/reading/open-file.ts";
import { type Region, type Regions, regionsOf } from "../../../../../core/archive/quilting/reading/regions.ts";
import { openState, statePath } from "../../../../../core/archive/state/database.ts";
import { BitSet } from "../../../../../core/archive/state/tables/bit-set.ts";
import { type FileRow, FileTable } from "../../../../../core/archive/state/tables/files.ts";
import { unpackExtents } from "../../../../../core/archive/state/tables/packed-extents.ts";
import type { Bucket } from "../../../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../../../core/bucket/directory/bucket.ts";
import { fromText } from "../../../../../core/format/path.ts";
import { fstat } from "../../../../../core/system/filesystem/stat.ts";
import { scratch } from "../../../../support/faults/scratch.ts";

const now = () => new Date("2026-11-21T02:00:03Z");
const until = new Date("2026-12-28T02:00:03Z");

/** As a row of the state database has it: `object` is an id there. */
export type StoredExtent = [
  object: number,
  frameOffset: number,
  frameLength: number,
  offset: number,
  length: number,
  sha256: string,
];

type StoredRow = Omit<FileRow, "path"> & { readonly path: string };

export class StoreBench implements AsyncDisposable {
  readonly #dispose: () => PromiseLike<void>;

  /** How often a layout let others have their turn. */
  breaths = 0;

  private constructor(
    readonly path: string,
    readonly bucket: Bucket,
    readonly database: Database,
    dispose: () => PromiseLike<void>,
  ) {
    this.#dispose = dispose;
  }

  static async make(): Promise<StoreBench> {
    const folder = await scratch();
    const path = join(folder.path, "bucket");
    await mkdir(path);
    const bucket = await openDirectoryBucket(path, { now, random: Math.random });
    const database = openState(statePath(folder.path, "host"), bucket.url);
    return new StoreBench(folder.path, bucket, database, async () => {
      database.close();
      await folder[Symbol.asyncDispose]();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  /** One run of a layout, from an empty or an older ledger to its end; the ledger is closed however it ends. */
  async run<T>(
    make: (deps: LayoutDeps) => ContentLayout,
    use: (session: Session) => Promise<T>,
    bucket: Bucket = this.bucket,
  ): Promise<LayoutDeps["meter"]> {
    const ledger = new Ledger(this.database, { expiring: new BitSet(), claims: new BitSet() }, until);
    const meter = { bytesRead: 0, bytesStored: 0, objectsStored: 0 };
    const breathe = () => {
      this.breaths += 1;
      return new Promise<void>((resolve) => setImmediate(resolve));
    };
    const target = { bucket, retention: { mode: "GOVERNANCE", until }, filters: [] } as const;
    const layout = make({ target, ledger, meter, breathe });
    try {
      await use(new Session(this.path, layout, ledger));
      await layout.finish();
    } finally {
      await layout.abandon();
      ledger.close();
    }
    return meter;
  }

  rows(): StoredRow[] {
    return [...new FileTable(this.database).inOrder()];
  }

  count(table: "objects" | "chunks" | "files"): number {
    return this.database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
  }

  async keys(): Promise<string[]> {
    return (await Array.fromAsync(this.bucket.list(""))).flat().map(({ key }) => key);
  }

  extents(name: string): StoredExtent[] {
    const row = this.rows().find(({ path }) => path === name);
    if (row === undefined) throw new Error(`there is no row for ${name}`);
    return unpackExtents(row.extents ?? Buffer.of()).map((e) => [
      e.object,
      e.frameOffset,
      e.frameLength,
      e.offset,
      e.length,
      e.sha256,
    ]);
  }

  keyOf(object: number): string {
    const row = this.database.query<{ key: string }, [number]>("SELECT key FROM objects WHERE id = ?").get(object);
    if (row === null) throw new Error(`there is no object ${object}`);
    return row.key;
  }

  async bytes(key: string): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(this.bucket.get(key)));
  }
}

export class Session {
  readonly #path: string;
  readonly #layout: ContentLayout;
  readonly #ledger: Ledger;

  constructor(path: string, layout: ContentLayout, ledger: Ledger) {
    this.#path = path;
    this.#layout = layout;
    this.#ledger = ledger;
  }

  /** Writes a file, adds it, and gives its row to the ledger, as the quilter does. */
  async add(name: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.#path, name), bytes);
    await this.addFrom(join(this.#path, name), name);
  }

  /** The file at `path`, or only these regions of it. */
  async addFrom(path: string, name: string, regions?: readonly Region[] | Regions): Promise<void> {
    const fd = openSync(path, "r");
    try {
      const file: OpenFile = { path: fromText(path), fd, stat: fstat(fd), locked: true };
      const given = regions && ("each" in regions ? regions : { few: regions, each: () => regions });
      const { extents, end } = await this.#layout.add(file, given ?? regionsOf(file));
      this.#ledger.file(
        { path: fromText(name), fingerprint: undefined, head: `{"path":"${name}"}`, bytes: end },
        extents,
      );
    } finally {
      closeSync(fd);
    }
  }
}
