/** Lists that a server gives in odd pages, and those that cannot be whole. */
import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BucketError } from "../../../../core/bucket/contract.ts";
import { type S3Page, wholeListing } from "../../../../core/bucket/s3/listing.ts";
import { attack } from "../../../support/attack.ts";
import { full } from "../../../support/full.ts";
import { openAt } from "./hostile.ts";

/** Pages by the number of the request, from 0. */
let pageOf = (_: number, __: URLSearchParams): string => "";
let asked: URLSearchParams[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch({ url }) {
    const query = new URL(url).searchParams;
    asked.push(query);
    return new Response(pageOf(asked.length - 1, query), { headers: { "content-type": "application/xml" } });
  },
});
afterAll(() => server.stop(true));

type Kind = "list" | "listVersions";
type PageParts = { readonly keys?: readonly string[]; readonly next?: string; readonly truncated?: boolean };

/** `a#1` is the version 1 of the key `a`. */
function xml(kind: Kind, { keys = [], next, truncated = next !== undefined }: PageParts): string {
  const element = kind === "list" ? "ListBucketResult" : "ListVersionsResult";
  const items = keys.map((one) => {
    const [key, version = "1"] = one.split("#");
    if (kind === "list") return `<Contents><Key>${key}</Key><Size>1</Size></Contents>`;
    return `<Version><Key>${key}</Key><VersionId>${version}</VersionId><LastModified>2026-11-21T02:00:03.000Z</LastModified><Size>1</Size></Version>`;
  });
  const [key, version = "1"] = next?.split("#") ?? [];
  const marker =
    next === undefined
      ? ""
      : kind === "list"
        ? `<NextContinuationToken>${next}</NextContinuationToken>`
        : `<NextKeyMarker>${key}</NextKeyMarker><NextVersionIdMarker>${version}</NextVersionIdMarker>`;
  return `<${element}><IsTruncated>${truncated}</IsTruncated>${items.join("")}${marker}</${element}>`;
}

/** The keys of all pages, or the error. Beyond the last page that is given, the last one is repeated. */
async function listed(kind: Kind, pages: readonly PageParts[], after?: string): Promise<readonly string[] | unknown> {
  asked = [];
  pageOf = (at) => xml(kind, pages[Math.min(at, pages.length - 1)] ?? {});
  const bucket = await openAt(server.url.origin);
  try {
    const keys: string[] = [];
    for await (const page of bucket[kind]("p/", after)) {
      for (const item of page) keys.push("version" in item ? `${item.key}#${item.version}` : item.key);
    }
    return keys.map((key) => key.replace(/#1$/, ""));
  } catch (error) {
    return error;
  } finally {
    await bucket.close();
  }
}

const whole: readonly (readonly [name: string, pages: readonly PageParts[], keys: readonly string[]])[] = [
  ["an empty page with a marker", [{ next: "p/a" }, { keys: ["p/b"] }], ["p/b"]],
  [
    "empty pages between others",
    [{ keys: ["p/a"], next: "p/a" }, { next: "p/b" }, { next: "p/c" }, { keys: ["p/d"] }],
    ["p/a", "p/d"],
  ],
  ["an empty page at the end", [{ keys: ["p/a"], next: "p/a" }, {}], ["p/a"]],
  ["one page", [{ keys: ["p/a", "p/b"] }], ["p/a", "p/b"]],
  ["nothing", [{}], []],
];

const broken: readonly (readonly [name: string, pages: readonly PageParts[], words: string])[] = [
  ["the same empty page for ever", [{ next: "p/a" }], "does not come to an end"],
  ["two empty pages in turn", [{ next: "p/a" }, { next: "p/b" }, { next: "p/a" }], "does not come to an end"],
  ["the same page for ever", [{ keys: ["p/a"], next: "p/a" }], "twice"],
  [
    "the first page again",
    [
      { keys: ["p/a", "p/b"], next: "p/b" },
      { keys: ["p/a", "p/b"], next: "p/c" },
    ],
    "backwards",
  ],
  [
    "a page that begins before the last one's end",
    [{ keys: ["p/a", "p/c"], next: "p/c" }, { keys: ["p/b"] }],
    "backwards",
  ],
  ["keys out of order", [{ keys: ["p/a", "p/c", "p/b"] }], ""],
  ["a key twice", [{ keys: ["p/a", "p/a"] }], "twice"],
  ["a key of another prefix", [{ keys: ["p/a", "q/b"] }], "not asked for"],
  ["a further page without a marker", [{ keys: ["p/a"], truncated: true }, {}], "does not say where"],
  ["an empty page without a marker", [{ truncated: true }, {}], "does not say where"],
];

describe.each(["list", "listVersions"] as const)("%s", (kind) => {
  test.each(whole)("a listing goes to the end over %s", async (_, pages, keys) => {
    expect(await listed(kind, pages)).toEqual(keys);
  });

  for (const [name, pages, words] of broken) {
    // The pages of versions are put in order, since S3 lists delete markers apart.
    if (kind === "listVersions" && name === "keys out of order") continue;
    test(`a listing refuses ${name}`, async () => {
      const error = await listed(kind, pages);
      expect(error).toBeInstanceOf(BucketError);
      expect(error).toMatchObject({ kind: "damaged", message: expect.stringContaining(words) });
      expect(asked.length).toBeLessThan(5);
    });
  }

  test("a listing gives up after a thousand empty pages", async () => {
    asked = [];
    pageOf = (at) => xml(kind, { next: `p/${String(at).padStart(6, "0")}` });
    const bucket = await openAt(server.url.origin);
    const error = await Array.fromAsync(bucket[kind]("p/")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "damaged" });
    expect(asked.length).toBeLessThanOrEqual(1001);
    await bucket.close();
  });

  test("a listing refuses the list of another prefix", async () => {
    pageOf = () => xml(kind, {}).replace("<IsTruncated>", "<Prefix>q/</Prefix><IsTruncated>");
    const bucket = await openAt(server.url.origin);
    const error = await Array.fromAsync(bucket[kind]("p/")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "other", message: expect.stringContaining('a list of "q/"') });
    await bucket.close();
  });

  test.each(["<IsTruncated>perhaps</IsTruncated>", ""])(
    "a listing refuses a page that says of its end: %s",
    async (says) => {
      pageOf = () => xml(kind, { keys: ["p/a"] }).replace("<IsTruncated>false</IsTruncated>", says);
      const bucket = await openAt(server.url.origin);
      const error = await Array.fromAsync(bucket[kind]("p/")).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        kind: "other",
        message: expect.stringContaining("does not say whether it is whole"),
      });
      await bucket.close();
    },
  );

  test.each(["-5", "lots", "1e400", "9007199254740993"])("a listing refuses a size of %s", async (size) => {
    pageOf = () => xml(kind, { keys: ["p/a"] }).replace("<Size>1</Size>", `<Size>${size}</Size>`);
    const bucket = await openAt(server.url.origin);
    const error = await Array.fromAsync(bucket[kind]("p/")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "other" });
    await bucket.close();
  });
});

describe("listVersions", () => {
  test("listVersions goes on within a key, whose versions fill several pages", async () => {
    const pages = [
      { keys: ["p/a#5", "p/a#4"], next: "p/a#4" },
      { keys: ["p/a#3", "p/a#2"], next: "p/a#2" },
      { keys: ["p/b#1"] },
    ];
    expect(await listed("listVersions", pages)).toEqual(["p/a#5", "p/a#4", "p/a#3", "p/a#2", "p/b"]);
    expect(asked.map((query) => query.get("version-id-marker"))).toEqual([null, "4", "2"]);
  });

  test("listVersions refuses a version that comes on two pages", async () => {
    const pages = [{ keys: ["p/a#5", "p/a#4"], next: "p/a#4" }, { keys: ["p/a#4"] }];
    expect(await listed("listVersions", pages)).toMatchObject({ kind: "damaged" });
  });

  test("listVersions refuses two pages of one key in turn", async () => {
    const pages = [
      { keys: ["p/a#5"], next: "p/a#5" },
      { keys: ["p/a#4"], next: "p/a#4" },
      { keys: ["p/a#3"], next: "p/a#5" },
    ];
    expect(await listed("listVersions", pages)).toMatchObject({ kind: "damaged" });
  });
});

type Faulty = "empty" | "repeat" | "same marker" | "no marker" | "backwards" | "foreign" | "twice";

test("property: of any list with faults, all keys come, or an error", async () => {
  const faults = fc.constantFrom<Faulty>(
    "empty",
    "repeat",
    "same marker",
    "no marker",
    "backwards",
    "foreign",
    "twice",
  );
  const key = fc.stringMatching(/^p\/[a-z]{1,3}$/);
  const script = fc.array(fc.tuple(fc.nat(12), faults), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      script,
      async (all, size, at) => {
        const keys = all.toSorted();
        const plan = new Map(at);
        let requests = 0;
        const pages = wholeListing<{ readonly key: string }, string>({
          prefix: "p/",
          after: undefined,
          version: undefined,
          textOf: (marker) => marker,
          refuse: (why) => new BucketError("damaged", { doing: "list", why }),
          ask: async (marker) => faultyPage(keys, size, marker, plan.get(requests++)),
        });
        const found = await Array.fromAsync(pages).then(
          (some) => some.flat().map((item) => item.key),
          (error: unknown) => error,
        );
        if (found instanceof BucketError) expect(plan.size).toBeGreaterThan(0);
        else expect(found).toEqual(keys);
        expect(requests).toBeLessThan(100);
      },
    ),
    { numRuns: full ? 10_000 : 3_000 },
  );
});

/** The page after the key in the marker, with a fault. */
function faultyPage(
  keys: readonly string[],
  size: number,
  marker: string | undefined,
  fault: Faulty | undefined,
): S3Page<{ readonly key: string }, string> {
  const from = marker?.replace(/!+$/, "") ?? "";
  const rest = keys.filter((key) => key > from);
  const items = rest.slice(0, size).map((key) => ({ key }));
  const truncated = rest.length > size;
  const next = truncated ? items.at(-1)?.key : undefined;
  const page = { items, truncated, next };
  switch (fault) {
    case undefined:
      return page;
    case "empty":
      return { items: [], truncated: true, next: `${from}!` };
    case "repeat":
      return { ...page, items: [...items, ...items] };
    case "same marker":
      return { items: [], truncated: true, next: marker ?? "" };
    case "no marker":
      return { items, truncated: true, next: undefined };
    case "backwards":
      return { ...page, items: items.toReversed() };
    case "foreign":
      return { ...page, items: [...items, { key: "q/" }] };
    case "twice":
      return { ...page, items: items.flatMap((item) => [item, item]) };
  }
}

attack(
  {
    by: "W",
    what: "more than a million versions of one key",
    before: "the list seemed endless: prune and verify --all ended",
    now: "listed to the end",
  },
  async () => {
    const pages = 1_500;
    const listing = wholeListing<{ key: string; version: number }, number>({
      prefix: "p/",
      after: undefined,
      ask: async (marker = 0) => {
        const items = [{ key: "p/a", version: marker }];
        return { items, truncated: marker + 1 < pages, next: marker + 1 };
      },
      version: ({ version }) => String(version),
      textOf: String,
      refuse: (why) => new BucketError("damaged", { doing: "list", why }),
    });
    expect((await Array.fromAsync(listing)).flat()).toHaveLength(pages);
  },
);
