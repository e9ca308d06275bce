/** The price table: what a provider charges, for each of its storage classes, with date and source. */
import { z } from "zod";
import { exitStatus, Failure } from "../failure.ts";
import { archiveTiers, storageClasses } from "../format/storage-class.ts";
import { type Nano, parseMoney } from "./money.ts";
import builtIn from "./prices.yaml";

/** A number is taken as it is written; text is exact beyond doubt. */
const money = z.union([z.string(), z.number()]).transform((written, context): Nano => {
  const parsed = parseMoney(String(written));
  if (parsed !== undefined) return parsed;
  context.addIssue(`${JSON.stringify(written)} is not a price: write it like "0.0004", with at most 9 decimals`);
  return z.NEVER;
});

const storageClass = z.strictObject({
  name: z.string().min(1),
  /** What S3 calls it, if bundles may lie in it. */
  storage_class: z.enum(storageClasses).optional(),
  /** Price of 1,000 requests; `put` also for extending a lock, and for each request of an upload in parts. */
  put: money,
  get: money,
  list: money,
  /** Price of a GB and month. */
  storage: money,
  /** Price of a GB read. */
  retrieval: money,
  /** Bytes that a smaller object is charged for. */
  least_bytes: z.number().int().min(0),
  /** Days that an object which is removed sooner is charged for. */
  least_days: z.number().int().min(0),
  /** Bytes that each object is charged for beside its own. */
  extra_bytes: z.number().int().min(0).optional(),
});

/** Price of 1,000 requests, and of a GB. */
const thawPrice = z.strictObject({ requests: money, gb: money });

/** A speed that is missing is one that the tier does not have. */
const thawPrices = z.strictObject({
  tier: z.enum(archiveTiers),
  bulk: thawPrice.optional(),
  standard: thawPrice.optional(),
  expedited: thawPrice.optional(),
});

const table = z.strictObject({
  provider: z.string().min(1),
  region: z.string().min(1),
  currency: z.string().regex(/^[A-Z]{3}$/),
  as_of: z.iso.date(),
  source: z.string().min(1),
  bytes_per_gb: z.union([z.literal(1024 ** 3), z.literal(1000 ** 3)]),
  /** Price of a GB that leaves for the internet. */
  egress: money,
  classes: z.array(storageClass).min(1),
  /** Classes of which only bundles are priced: their objects must be thawed before they can be read. */
  archives: z.array(storageClass).optional(),
  /** Prices of thawing. What is thawed is charged beside that as the first class charges for storage, for as long as it is kept. */
  thaw: z.array(thawPrices).optional(),
});

export type StorageClass = Readonly<z.output<typeof storageClass>>;

/** `classes`: the first is the one that backups are stored in, the others are for comparison. */
export type PriceTable = Readonly<Omit<z.output<typeof table>, "classes">> & {
  readonly classes: readonly [StorageClass, ...StorageClass[]];
};

export function builtInPrices(): PriceTable {
  return readDocument(builtIn, "the built-in price table");
}

/** Reads YAML, or JSON, which YAML includes. `from` names it in errors, which are Failures. */
export function parsePrices(text: string, from: string): PriceTable {
  let document: unknown;
  try {
    document = Bun.YAML.parse(text);
  } catch {
    throw refused(from, "it is not YAML");
  }
  return readDocument(document, from);
}

function readDocument(document: unknown, from: string): PriceTable {
  const read = table.safeParse(document);
  if (!read.success) throw refused(from, read.error.issues.map(worded).join("; "));
  const { classes, ...rest } = read.data;
  const [first, ...others] = classes;
  if (first === undefined) throw refused(from, "it has no classes");
  return { ...rest, classes: [first, ...others] };
}

function worded({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}

function refused(from: string, why: string): Failure {
  const remedy = "write it like core/cost/prices.yaml, which docs/cost.md shows";
  return new Failure({ doing: "use the prices in", what: from, why, remedy, exit: exitStatus.usage });
}
