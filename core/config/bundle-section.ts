/** A section `[bundle NAME]` of `conf`: folders that are stored as one tar file each. */
import { z } from "zod";
import { bundleCompressions } from "../format/codecs/codec.ts";
import { safeName } from "../format/keys/keys.ts";
import { storageClasses } from "../format/storage-class.ts";
import { absolutePath, oneOf, tableName, text, wholeNumber } from "./values.ts";

const prefix = z
  .string()
  .transform((written) => written.replace(/\/+/g, "/").replace(/^\/|\/$/g, ""))
  .refine(
    (written) => /^[A-Za-z0-9._/-]{0,200}$/.test(written),
    'give up to 200 letters, digits, ".", "_", "-" and "/"',
  );

const exclude = text.transform((written) =>
  written
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== ""),
);

const inTable = "dynamodb:";
const place = oneOf("state", "metadata");

const index = z.string().transform((written, context): "state" | "metadata" | { readonly table: string } => {
  const isTable = written.startsWith(inTable);
  const given = isTable ? tableName.safeParse(written.slice(inTable.length)) : place.safeParse(written);
  if (given.success) return isTable ? { table: given.data } : place.parse(written);
  context.addIssue(isTable ? `${given.error.issues[0]?.message}` : "give state, metadata or dynamodb:TABLE");
  return z.NEVER;
});

export const bundleSection = z.strictObject({
  path: z.string("name the folder or file by an absolute path").pipe(absolutePath),
  depth: wholeNumber(0, 64).default(0),
  compression: oneOf(...bundleCompressions).default("zstd"),
  storage_class: oneOf(...storageClasses).default("DEEP_ARCHIVE"),
  prefix: prefix.default(""),
  exclude: exclude.default([]),
  keyfile: absolutePath.optional(),
  index: index.prefault("state"),
});

export const bundleName = z
  .string()
  .regex(safeName, 'give up to 128 letters, digits, ".", "_" and "-", the first a letter or digit');

export type BundleSection = {
  /** Name of the section: tells it from others. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** How many steps below the path each bundle begins; with 0, all of the path is one bundle. */
  readonly depth: number;
  readonly compression: (typeof bundleCompressions)[number];
  readonly storageClass: (typeof storageClasses)[number];
  /** Begins the keys of its bundles, within the folder of the backup name. */
  readonly prefix: string;
  /** Patterns of paths and names that are left out. */
  readonly exclude: readonly string[];
  /** Absolute path of what bundles are sealed with; undefined: they are not sealed. */
  readonly keyfile: string | undefined;
  /** Where it is noted what is stored: on this machine; or besides in the metadata of the object, or in a table of DynamoDB. */
  readonly index: "state" | "metadata" | { readonly table: string };
};

export function bundleOf(name: string, section: z.output<typeof bundleSection>): BundleSection {
  const { path, depth, compression, storage_class: storageClass, prefix, exclude, keyfile, index } = section;
  return { name, path, depth, compression, storageClass, prefix, exclude, keyfile, index };
}
