/** The user stops the run while a request is under way: it ends at once, with the reason of the signal. */
import { describe, expect, test } from "bun:test";
import { usualBounds } from "../../../../core/bucket/s3/bounds.ts";
import { openS3Bucket } from "../../../../core/bucket/s3/bucket.ts";
import { liar } from "../../../support/faults/liar.ts";
import { calls, openAt, shortBounds } from "./hostile.ts";

const reason = new Error("stopped by the test");
const bounds = usualBounds;
const soon = 500;

type Run = (signal: AbortSignal) => Promise<unknown>;

/** Milliseconds from the signal to the end, if the signal comes some time after `hangs` holds. */
async function stopped(run: Run, hangs = () => true): Promise<number> {
  const controller = new AbortController();
  const running = run(controller.signal).then(
    () => "no error",
    (error: unknown) => error,
  );
  while (!hangs()) await Bun.sleep(5);
  await Bun.sleep(50);
  const began = performance.now();
  controller.abort(reason);
  expect(await running).toBe(reason);
  return performance.now() - began;
}

describe("a request that hangs ends with the signal:", () => {
  for (const [name, call] of Object.entries(calls)) {
    test(name, async () => {
      await using server = await liar(() => undefined);
      const run: Run = async (signal) => call(await openAt(server.endpoint, { bounds, signal }));
      expect(await stopped(run, () => server.requests.length > 0)).toBeLessThan(soon);
      expect(server.requests.length).toBe(1);
    });
  }

  test("a request that hangs ends with the signal: content of which a part has come", async () => {
    const head = 'HTTP/1.1 200 OK\r\nETag: "x"\r\nx-amz-version-id: v\r\nContent-Length: 100000\r\n\r\n';
    await using server = await liar((socket) => void socket.write(`${head}abc`));
    const call = calls.get;
    if (call === undefined) throw new Error("no such call");
    const run: Run = async (signal) => call(await openAt(server.endpoint, { bounds, signal }));
    expect(await stopped(run, () => server.requests.length > 0)).toBeLessThan(soon);
  });

  test("a request that hangs ends with the signal: credentials that never come", async () => {
    const place = { bucket: "the-bucket", region: "x", endpoint: "http://127.0.0.1:1", pathStyle: true };
    const credentials = () => new Promise<never>(() => undefined);
    const run = async (signal: AbortSignal) => (await openS3Bucket({ ...place, credentials, signal })).head("k");
    expect(await stopped(run)).toBeLessThan(soon);
  });
});

test("after the signal no request goes out", async () => {
  await using server = await liar(() => undefined);
  for (const call of Object.values(calls)) {
    const bucket = await openAt(server.endpoint, { signal: AbortSignal.abort(reason) });
    expect(await call(bucket).catch((error: unknown) => error)).toBe(reason);
  }
  expect(server.requests).toEqual([]);
});

describe("an upload is aborted after the signal, too:", () => {
  const id = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
  const started = `HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`;

  async function aborted(answer: string | undefined) {
    await using server = await liar((socket, { method }) => {
      if (method === "POST") socket.write(started);
      else if (answer !== undefined) socket.write(answer);
    });
    const controller = new AbortController();
    const bucket = await openAt(server.endpoint, { bounds: shortBounds, signal: controller.signal });
    const retention = { mode: "GOVERNANCE", until: new Date("2036-01-01T00:00:00Z") } as const;
    const upload = await bucket.startUpload("k", { retention });
    controller.abort(reason);
    const began = performance.now();
    const error = await upload.abort().catch((thrown: unknown) => thrown);
    return { error, took: performance.now() - began, methods: server.requests.map(({ method }) => method) };
  }

  test("a server that answers hears it", async () => {
    const { error, methods } = await aborted("HTTP/1.1 204 No Content\r\n\r\n");
    expect(error).toBeUndefined();
    expect(methods).toEqual(["POST", "DELETE"]);
  });

  test("after the signal, nobody waits for the abort of an upload that gets no answer", async () => {
    const { error, took, methods } = await aborted(undefined);
    expect(error).toBe(reason);
    expect(took).toBeLessThan(shortBounds.cleanup + soon);
    expect(methods).toEqual(["POST", "DELETE"]);
  });
});
