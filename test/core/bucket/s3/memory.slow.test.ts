/** Answers that are too long cost no memory: each is met by a process of its own, whose peak is measured. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { join } from "node:path";
import { attack } from "../../../support/attack.ts";
import { flood, liar } from "../../../support/faults/liar.ts";

const mib = 1024 * 1024;
const long = 600 * mib;
const ok = "HTTP/1.1 200 OK\r\n";
const version = 'ETag: "x"\r\nx-amz-version-id: v\r\n';
const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const list = "<ListBucketResult><IsTruncated>false</IsTruncated>";
const limit = 256;

const sends =
  (head: string, piece: string, bytes = long) =>
  (socket: Socket) => {
    socket.write(head);
    flood(socket, piece, bytes);
  };
const whole = (body: string) => (socket: Socket) =>
  void socket.write(`${ok}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
const refusal = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\n";
const chunk = `10000\r\n${"a".repeat(65_536)}\r\n`;
const nested = Array.from({ length: 9 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`).join("");

const floods: readonly (readonly [name: string, reply: (socket: Socket) => void, call: string, kind: string])[] = [
  [
    "a refusal of 600 MB",
    sends(`${refusal}Content-Length: ${long}\r\n\r\n<Error><Code>AccessDenied</Code>`, "a"),
    "list",
    "denied",
  ],
  ["a refusal of 600 MB to a put", sends(`${refusal}Content-Length: ${long}\r\n\r\n`, "a"), "put", "denied"],
  ["a refusal of 600 MB to a get", sends(`${refusal}Content-Length: ${long}\r\n\r\n`, "a"), "get", "denied"],
  ["a refusal without a length", sends(refusal + chunked, chunk), "list", "denied"],
  [
    "an error of 600 MB of the server's own",
    sends(`HTTP/1.1 500 X\r\nContent-Length: ${long}\r\n\r\n`, "a"),
    "list",
    "failing",
  ],
  [
    "a list of 600 MB",
    sends(`${ok}Content-Length: ${long}\r\n\r\n${list}`, "<Contents><Key>p/a</Key></Contents>"),
    "list",
    "other",
  ],
  ["600 MB after a success", sends(`${ok}${version}Content-Length: ${long}\r\n\r\n`, " "), "put", "other"],
  ["a lock of 600 MB", sends(`${ok}Content-Length: ${long}\r\n\r\n`, " "), "retention", "other"],
  ["headers without end", sends(ok, `X-A: ${"a".repeat(1000)}\r\n`), "list", "other"],
  ["one header without end", sends(`${ok}X-A: `, "a"), "list", "other"],
  ["a version without end", sends(`${ok}x-amz-version-id: `, "a"), "head", "other"],
  ["a list of a million elements", whole(`${list}${"<a/>".repeat(900_000)}</ListBucketResult>`), "list", "other"],
  ["a list that is nested a million times", whole(`${list}${"<a>".repeat(1_000_000)}`), "list", "other"],
  ["a list with attributes without end", whole(`<ListBucketResult${" a='b'".repeat(600_000)}>`), "list", "other"],
  [
    "entities that grow tenfold",
    whole(`<!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">${nested}]>${list}&e9;</ListBucketResult>`),
    "list",
    "other",
  ],
  [
    "content without end for an index object",
    sends(`${ok}${version}Content-Length: ${long}\r\n\r\n`, "a"),
    "index",
    "damaged",
  ],
  [
    "content longer than its range",
    sends(`HTTP/1.1 206 X\r\nContent-Range: bytes 0-99999/100000\r\n${version}${chunked}`, chunk),
    "range",
    "other",
  ],
];

async function peakOf(endpoint: string, call: string): Promise<{ readonly kind: string; readonly peak: number }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "peak.ts"), endpoint, call], { stdout: "pipe" });
  return JSON.parse(await child.stdout.text());
}

for (const [variant, reply, call, kind] of floods)
  attack(
    {
      by: "S",
      what: "answers, headers and errors of 600 MB, entities, a million elements",
      before: "up to 2.6 GB",
      now: "they are refused",
      peak: 200,
    },
    async () => {
      await using server = await liar(reply);
      const found = await peakOf(server.endpoint, call);
      expect(found.kind).toBe(kind);
      return found.peak;
    },
    { variant },
  );

describe("a peak below 256 MiB", () => {
  test("a full page of the longest keys, which is read", async () => {
    const key = (i: number) => `p/${"%C3%A9".repeat(500)}${String(i).padStart(4, "0")}`;
    const owner = `<Owner><ID>${"0".repeat(64)}</ID><DisplayName>somebody</DisplayName></Owner>`;
    const items = Array.from({ length: 1000 }, (_, i) => {
      const rest = `<IsLatest>true</IsLatest><LastModified>2026-11-21T02:00:03.000Z</LastModified><ETag>"${"0".repeat(32)}"</ETag><Size>5</Size>`;
      return `<Version><Key>${key(i)}</Key><VersionId>${"v".repeat(100)}</VersionId>${rest}<StorageClass>STANDARD</StorageClass>${owner}</Version>`;
    });
    const page = `<ListVersionsResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>${items.join("")}</ListVersionsResult>`;
    await using server = await liar(whole(page));
    const found = await peakOf(server.endpoint, "listVersions");
    expect(found.kind).toBe("no error");
    expect(found.peak).toBeLessThan(limit);
  }, 60_000);
});
