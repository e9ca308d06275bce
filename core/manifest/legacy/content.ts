/**
 * Finds out how content of s3-sysbackup is stored, as its manifests say neither sizes nor encodings. Nor does the metadata: it says
 * `storage-encoding: gzip` of all content, also of what is not. So the first bytes decide, and the whole object if it is small: the
 * digest of the file is in the key.
 */
import { isDenied, throwIfFatal } from "../../bucket/fatal.ts";
import { FormatError } from "../../format/error.ts";
import { digestInContentKey } from "../../format/keys/legacy-keys.ts";
import { sha256 } from "../../format/sha256.ts";
import { eachOf } from "../../side-by-side.ts";
import { beginning, once } from "../../stored/bytes.ts";
import { type ObjectSource, readContent } from "../../stored/read.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";

/** Names the content of a file. `version`: empty if the manifest does not say. */
export type ContentName = { readonly key: string; readonly version: string };

/** `length`: bytes of the file. */
export type ContentFacts = ContentName & {
  readonly size: number;
  readonly encoding: "none" | "gzip";
  readonly length: number;
};

/**
 * `objects`: only which objects there are, and their sizes, for jobs that may not read content. `sizes`: also how long files are, as
 * far as a few bytes of an object tell, for what shows files to people. `content`: for what reads files.
 */
export type ContentNeed = "objects" | "sizes" | "content";

const schema = `
  CREATE TEMP TABLE known (
    need TEXT NOT NULL, key TEXT NOT NULL, wanted TEXT NOT NULL,
    version TEXT NOT NULL, size INTEGER NOT NULL, encoding TEXT NOT NULL, length INTEGER NOT NULL,
    PRIMARY KEY (need, key, wanted)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE listed (
    key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, stored INTEGER NOT NULL,
    PRIMARY KEY (key, version)
  ) WITHOUT ROWID;`;

type KnownRow = {
  readonly version: string;
  readonly size: number;
  readonly encoding: "none" | "gzip";
  readonly length: number;
};

/** Objects that are looked at side by side. */
const atOnce = 16;
/** Stored bytes up to which an object is read whole, and so known for sure. */
const mostWhole = 64 * 1024;
/** Bytes that a small object may become: more than gzip makes of any. */
const mostContent = 1_100 * mostWhole;

/** Remembers what it found out, on disk: backups of one machine have most content in common. */
export class LegacyContent {
  readonly #database = openScratchDatabase(schema);
  readonly #find = this.#database.query<KnownRow, [string, string, string]>(
    "SELECT version, size, encoding, length FROM known WHERE need = ? AND key = ? AND wanted = ?",
  );
  readonly #insert = this.#database.query<null, [string, string, string, string, number, string, number]>(
    "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  #listing: Promise<void> | undefined;

  readonly #bucket: ObjectSource;

  constructor(bucket: ObjectSource) {
    this.#bucket = bucket;
  }

  /** Returns what is known of each, in their order. One that is missing counts as a byte, which nobody will find. */
  async factsOf(names: readonly ContentName[], need: ContentNeed): Promise<ContentFacts[]> {
    const facts: ContentFacts[] = [];
    await eachOf(names.entries(), atOnce, async ([number, name]) => {
      facts[number] = await this.#factsOf(name, need);
    });
    return facts;
  }

  async #factsOf(name: ContentName, need: ContentNeed): Promise<ContentFacts> {
    const known = this.#find.get(need, name.key, name.version);
    if (known !== null) return { key: name.key, ...known };
    const found = need === "objects" ? await this.#listed(name) : await this.#read(name, need);
    this.#insert.run(need, name.key, name.version, found.version, found.size, found.encoding, found.length);
    return found;
  }

  async #read(name: ContentName, need: LengthNeed): Promise<ContentFacts> {
    try {
      return await readFacts(this.#bucket, name, need);
    } catch (error) {
      if (isDenied(error)) return this.#listed(name);
      throwIfFatal(error);
      return lost(name);
    }
  }

  /** Finds content in the listing of all content: a request for a thousand versions. */
  async #listed(name: ContentName): Promise<ContentFacts> {
    this.#listing ??= this.#list();
    await this.#listing;
    const chosen = name.version === "" ? "" : "AND version = ?2";
    const row = this.#database
      .query<{ version: string; size: number }, [string, string]>(
        `SELECT version, size FROM listed WHERE key = ?1 ${chosen} OR (key = ?1 AND ?2 = '') ORDER BY stored LIMIT 1`,
      )
      .get(name.key, name.version);
    if (row === null) return lost(name);
    return { key: name.key, ...row, encoding: "none", length: Math.max(1, row.size) };
  }

  async #list(): Promise<void> {
    const insert = this.#database.query<null, [string, string, number, number]>(
      "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)",
    );
    for await (const page of this.#bucket.listVersions?.("content/") ?? []) {
      this.#database.transaction(() => {
        for (const { key, version, size, stored, deleteMarker } of page)
          if (!deleteMarker) insert.run(key, version, size, stored.getTime());
      })();
    }
  }
}

function lost({ key, version }: ContentName): ContentFacts {
  return { key, version: version === "" ? "none" : version, size: 1, encoding: "none", length: 1 };
}

type LengthNeed = Exclude<ContentNeed, "objects">;

async function readFacts(bucket: ObjectSource, { key, version }: ContentName, need: LengthNeed): Promise<ContentFacts> {
  let found = { version, size: 0 };
  const stored = bucket.get(key, {
    ...(version !== "" && { version }),
    onStart: (object) => {
      found = { version: object.version, size: object.size };
    },
  });
  const head = Buffer.from(await beginning(stored, mostWhole));
  const { size } = found;
  const whole = size <= mostWhole ? await wholeFacts(key, head) : undefined;
  const name = { key, version: found.version };
  if (whole !== undefined) return { ...name, size, ...whole };
  if (!(await isGzip(bucket, name, head))) return { ...name, size, encoding: "none", length: size };
  return { ...name, size, encoding: "gzip", length: await lengthOf(bucket, { ...name, size }, need) };
}

/** Returns undefined if the object is not what its key says, in either way. */
async function wholeFacts(key: string, stored: Buffer): Promise<Pick<ContentFacts, "encoding" | "length"> | undefined> {
  const digest = digestInContentKey(key);
  if (sha256(stored) === digest) return { encoding: "none", length: stored.length };
  const content = await unzipped(stored);
  if (content === undefined || content.digest !== digest) return undefined;
  return { encoding: "gzip", length: content.length };
}

async function unzipped(stored: Buffer): Promise<{ readonly digest: string; readonly length: number } | undefined> {
  const source = { get: () => once(stored) };
  const hash = new Bun.CryptoHasher("sha256");
  let length = 0;
  try {
    for await (const piece of readContent(source, { key: "", version: "", encoding: "gzip" }, mostContent)) {
      hash.update(piece);
      length += piece.length;
    }
    return { digest: hash.digest("hex"), length };
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Magic, deflate, no flags. */
const headOfGzip = Buffer.from([0x1f, 0x8b, 0x08, 0x00]);
/** The time that s3-sysbackup writes into all that it compresses: 2000-01-01. */
const itsTime = Buffer.from([0x80, 0x43, 0x6d, 0x38]);

/** A file may be gzip of its own, stored as it is: the time in it mostly shows that, else the digest of all of it. */
async function isGzip(bucket: ObjectSource, { key, version }: ContentName, head: Buffer): Promise<boolean> {
  if (!head.subarray(0, 4).equals(headOfGzip)) return false;
  if (head.subarray(4, 8).equals(itsTime)) return true;
  const hash = new Bun.CryptoHasher("sha256");
  for await (const piece of bucket.get(key, { version })) hash.update(piece);
  return hash.digest("hex") !== digestInContentKey(key);
}

/** What deflate makes of zeros, and so of anything, at most. */
const mostRatio = 1032;
const lengthsOfGzip = 2 ** 32;

/**
 * The end of gzip says how long the content is, but only up to 4 GiB. For files that are read, what may be longer is counted, and so
 * is what is said to be shorter than it can be, as a file would be restored empty that is none.
 */
async function lengthOf(
  bucket: ObjectSource,
  object: ContentName & { readonly size: number },
  need: LengthNeed,
): Promise<number> {
  const { key, version, size } = object;
  const range = { start: size - 4, length: 4 };
  const said = Buffer.from(await beginning(bucket.get(key, { version, range }), 4)).readUInt32LE(0);
  const mayBeLonger = said + lengthsOfGzip <= size * mostRatio;
  if (need === "sizes" || (!mayBeLonger && !isTooShort(said, size))) return said;
  let length = 0;
  const content = readContent(bucket, { key, version, encoding: "gzip" }, Number.MAX_SAFE_INTEGER);
  try {
    for await (const piece of content) length += piece.length;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // Damaged: anyone who reads the file finds that out, and an empty one is never read.
    return Math.max(1, length);
  }
  return length;
}

/** Bytes around the content: the head with a file's name, and the end. */
const aroundGzip = 1024;

/** Gzip makes nothing longer but by 5 bytes in some thousands. */
function isTooShort(length: number, size: number): boolean {
  return size > length * 1.001 + aroundGzip;
}
