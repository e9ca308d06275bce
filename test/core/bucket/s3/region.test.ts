/** A bucket in another region than the configured one: S3 redirects the first request, and only that. */
import { expect, test } from "bun:test";
import { readAll } from "../../../../core/bucket/stream.ts";
import { openWithKeys } from "../open-with-keys.ts";

/** As S3 answers for a bucket in `eu-central-1`, called `named`; `asked` gets the region for which each request was signed. */
function redirecting(asked: string[], named = "eu-central-1") {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const region =
        /Credential=[^/]*\/[^/]*\/([^/]*)\/s3/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "none";
      asked.push(`${request.method} ${region}`);
      const headers = { "content-type": "application/xml", "x-amz-bucket-region": named };
      if (region !== "eu-central-1") {
        const text = "<Error><Code>PermanentRedirect</Code><Message>The bucket is in another region.</Message></Error>";
        return new Response(request.method === "HEAD" ? null : text, { status: 301, headers });
      }
      if (request.method === "HEAD") return new Response(null, { headers: { ...headers, "x-amz-version-id": "v" } });
      return new Response("content", { headers: { ...headers, "x-amz-version-id": "v" } });
    },
  });
}

const service = (endpoint: string) => ({ endpoint, region: "us-east-1", accessKey: "a", secretKey: "b" });

test.each(["GET", "HEAD"])(
  "after a redirect of a %s, all requests go to the bucket's region at once",
  async (method) => {
    const asked: string[] = [];
    using server = redirecting(asked);
    const bucket = await openWithKeys(service(server.url.origin), "the-bucket");
    const once = async () =>
      method === "GET"
        ? (await readAll(bucket.get("packs/a"), 100)).toString()
        : (await bucket.head("packs/a"))?.version;
    for (let time = 1; time <= 3; time += 1) expect(await once()).toBe(method === "GET" ? "content" : "v");
    await bucket.close();
    expect(asked).toEqual([`${method} us-east-1`, ...Array.from({ length: 3 }, () => `${method} eu-central-1`)]);
  },
);

test("requests at the same time are all redirected, and those after them none", async () => {
  const asked: string[] = [];
  using server = redirecting(asked);
  const bucket = await openWithKeys(service(server.url.origin), "the-bucket");
  const heads = () => Promise.all(Array.from({ length: 5 }, (_, number) => bucket.head(`packs/${number}`)));
  expect((await heads()).map((info) => info?.version)).toEqual(["v", "v", "v", "v", "v"]);
  const before = asked.length;
  await heads();
  await bucket.close();
  expect(new Set(asked.slice(before))).toEqual(new Set(["HEAD eu-central-1"]));
});

test.each(["evil.example", "eu-central-1.evil.example/", ""])(
  "a region with the name %j is not learned",
  async (named) => {
    const asked: string[] = [];
    using server = redirecting(asked, named);
    const bucket = await openWithKeys(service(server.url.origin), "the-bucket");
    for (let time = 1; time <= 2; time += 1) await bucket.head("packs/a").catch(() => undefined);
    await bucket.close();
    expect(asked.filter((one) => one === "HEAD us-east-1")).toHaveLength(2);
  },
);
