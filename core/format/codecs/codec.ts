/**
 * The table of codecs: how content becomes the stored bytes of an object, and how that is undone. `core/stored` writes and
 * reads every object through it.
 *
 * An object's `encoding` names the codec of its content, then the filters over the whole object in the order in which they
 * were applied: `zstd`, `frames+age`. Its key ends in their suffixes in the same order, so names say how to undo what is
 * inside: strip suffixes from right to left. Only `content/` has no suffix for its codec.
 */
import { promisify } from "node:util";
import { gunzipSync, gzip as gzipAsync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { altered, undecodable } from "../error.ts";
import { decodeFrame, encodeFrame } from "./frame.ts";
import { open, seal } from "./openssl.ts";
import { sealingFilter } from "./sealing.ts";
import { type ByteStream, gunzip, gzip, unzstd, zstd, zstdOptions } from "./zlib.ts";

type Named = {
  /** Its name in an `encoding`. */
  readonly name: string;
  /** Ends keys. */
  readonly suffix: string;
  /** Levels of compression, if it has any. */
  readonly levels?: Levels;
};

type Levels = { readonly usual: number; readonly most: number };

/** Encodes and decodes content that is in memory as a whole. */
type WholeCodec = {
  encode(content: Uint8Array, level: number): Promise<Uint8Array>;
  /** Throws a FormatError if the content is corrupt or longer than `most` bytes. */
  decode(stored: Uint8Array, most: number): Promise<Uint8Array>;
};

/**
 * Encodes and decodes content of any size in bounded memory. `level` means nothing to a codec without levels. Corrupt content is a
 * FormatError; content that is cut short may just end. Errors of the source pass through, and leaving the loop ends it.
 */
type StreamCodec = {
  encode(content: ByteStream, level: number): ByteStream;
  decode(stored: ByteStream): ByteStream;
};

type Streaming = Named & StreamCodec & { readonly streaming: true; readonly whole?: WholeCodec };
type NotStreaming = Named & { readonly streaming: false; readonly whole: WholeCodec };

export type Codec = Streaming | NotStreaming;

/**
 * Is applied to whole objects, over their codec, at level 0: encryption, say. Pieces that it makes are in no other use, or small. Of those
 * that it gets, it has taken what it needs when it asks for the next one.
 */
export type Filter = Streaming;

/** A compression that the configuration offers, for content and dumps of any size. */
type Compressor = Streaming & {
  /** Encodes a sample at once; absent if that never makes it smaller. */
  readonly encodeSample?: (sample: Uint8Array, level: number) => Uint8Array;
};

const unchanged = {
  streaming: true,
  encode: (content) => content,
  decode: (stored) => stored,
  whole: { encode: (content) => Promise.resolve(content), decode: (stored) => Promise.resolve(stored) },
} as const satisfies Omit<Streaming, "name" | "suffix">;

const gzipped = promisify(gzipAsync) as (content: Uint8Array, options: { level: number }) => Promise<Buffer>;

const compressors = {
  zstd: {
    name: "zstd",
    suffix: ".zst",
    streaming: true,
    levels: { usual: 3, most: 19 },
    encode: zstd,
    decode: unzstd,
    encodeSample: (content, level) => zstdCompressSync(content, zstdOptions(level)),
    whole: {
      encode: encodeFrame,
      decode: atOnce((stored, options) => zstdDecompressSync(stored, options)),
    },
  },
  gzip: {
    name: "gzip",
    suffix: ".gz",
    streaming: true,
    levels: { usual: 6, most: 9 },
    encode: gzip,
    decode: gunzip,
    encodeSample: (content, level) => gzipSync(content, { level }),
    whole: {
      encode: (content, level) => gzipped(content, { level }),
      decode: atOnce((stored, options) => gunzipSync(stored, options)),
    },
  },
  none: { name: "none", suffix: "", ...unchanged },
} as const satisfies Record<string, Compressor>;

const codecs = {
  ...compressors,
  /** Compress bundles, if their section of the configuration says so. */
  bzip2: { name: "bzip2", suffix: ".bz2", streaming: true, levels: { usual: 9, most: 9 }, ...byProgram("bzip2") },
  xz: { name: "xz", suffix: ".xz", streaming: true, levels: { usual: 6, most: 9 }, ...byProgram("xz") },
  /** A pack: the layout makes its frames, each of them as the codec `frame` does. */
  frames: { name: "frames", suffix: ".zst", ...unchanged },
  /** One zstd frame that states its size: roots, parts and index objects. Their keys say so, no `encoding`. */
  frame: {
    name: "zstd",
    suffix: ".zst",
    levels: { usual: 2, most: 19 },
    streaming: false,
    whole: { encode: encodeFrame, decode: decodeFrame },
  },
} as const satisfies Record<string, Codec>;

export type CodecName = keyof typeof codecs;
/** A codec that an `encoding` may begin with. */
export type ContentCodec = Exclude<CodecName, "frame">;
export type CompressionName = keyof typeof compressors;

export const compressionNames = Object.keys(compressors) as [CompressionName, ...CompressionName[]];

export function codecNamed(name: CodecName): Codec {
  return codecs[name];
}

export function contentCodec(name: ContentCodec): Streaming {
  return codecs[name];
}

/** Returns the codec that the `encoding` of an object states, if this one made it. */
export function statedCodec(name: CodecName): ContentCodec {
  return codecs[name].name;
}

/** Decodes the text of a root, part or index object. */
export const decodeText = codecs.frame.whole.decode;

export function isContentCodec(name: string): name is ContentCodec {
  return Object.hasOwn(codecs, name) && name !== "frame";
}

/** As `openssl enc` seals, with the passwords of `openssl.ts`. */
const openssl: Filter = { name: "openssl", suffix: ".aes", streaming: true, encode: seal, decode: open };

/** As `age` seals for recipients. */
const age: Filter = {
  name: "age",
  suffix: ".age",
  streaming: true,
  ...sealingFilter("age"),
};

/** By commands of the configuration. */
const through: Filter = { name: "through", suffix: ".sealed", streaming: true, ...sealingFilter("through") };

const filters = new Map<string, Filter>([openssl, age, through].map((filter) => [filter.name, filter]));

/** Adds a filter to the table, until it is disposed of: a toy, in tests. @internal */
export function addFilter(filter: Filter): Disposable {
  const { name, suffix } = filter;
  const isTaken = [...Object.values(codecs), ...filters.values()].some(
    (codec) => codec.name === name || codec.suffix === suffix,
  );
  if (!/^[a-z0-9]+$/.test(name) || !/^\.[a-z0-9]+$/.test(suffix) || isTaken)
    throw new Error(`not a filter that can be added: ${name}, ${suffix}`);
  filters.set(filter.name, filter);
  return { [Symbol.dispose]: () => filters.delete(filter.name) };
}

export const isFilterName = (name: string): boolean => filters.has(name);

/** Throws a FormatError if there is none of this name. */
export function filterNamed(name: string): Filter {
  const filter = filters.get(name);
  if (filter === undefined) throw altered(`${JSON.stringify(name)} is no filter that this sysbackup knows`);
  return filter;
}

export function filterWithSuffix(suffix: string): Filter | undefined {
  return filters.values().find((filter) => filter.suffix === suffix);
}

/** What bundles are compressed with. */
export const bundleCompressions = ["zstd", "gzip", "bzip2", "xz"] as const satisfies ContentCodec[];
export type BundleCompression = (typeof bundleCompressions)[number];

/** `level` is 0 for a codec without levels. */
export type Compression = { readonly codec: CompressionName; readonly level: number };

/** Bytes of a content's beginning that `pays` wants to see. */
export const sampleSize = 64 * 1024;

const worthwhile = 0.9;

/** Returns whether compressing pays: the sample, a content's first `sampleSize` bytes, shrinks by a tenth or more. */
export function pays(sample: Uint8Array, { codec, level }: Compression): boolean {
  const { encodeSample }: Compressor = compressors[codec];
  if (encodeSample === undefined) return false;
  return encodeSample(sample, level).length <= sample.length * worthwhile;
}

/** The programs that compress what this one cannot, each with a level, from its standard input to its output. */
type CodecProgram = "bzip2" | "xz";
/** Runs such a program. Throws an error of `content` as it is, and a FormatError if the program refuses what is to be decompressed. */
export type RunCodecProgram = (program: CodecProgram, args: readonly string[], content: ByteStream) => ByteStream;

let runProgram: RunCodecProgram | undefined;

/** Says how programs are run: this room runs none itself. */
export function runCodecProgramsBy(run: RunCodecProgram): void {
  runProgram = run;
}

function byProgram(program: CodecProgram): StreamCodec {
  const run = (args: readonly string[], content: ByteStream) => {
    if (runProgram === undefined) throw new Error(`nobody has said how to run ${program}`);
    return runProgram(program, args, content);
  };
  return {
    // One thread: then the same content gives the same bytes.
    encode: (content, level) => run(["-c", "-z", `-${level}`, ...(program === "xz" ? ["-T1"] : [])], content),
    decode: (stored) => run(["-c", "-d"], stored),
  };
}

/** Decompresses at once, which is several times faster than in pieces for what is small. */
function atOnce(decompress: (stored: Uint8Array, options: { maxOutputLength: number }) => Uint8Array) {
  return async (stored: Uint8Array, most: number): Promise<Uint8Array> => {
    try {
      return decompress(stored, { maxOutputLength: Math.max(most, 1) });
    } catch {
      throw undecodable();
    }
  };
}
