/** What tests of archive tiers share: a proxy before moto that notes what is thawed, and folders to keep in bundles. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { faultProxy } from "./faults/proxy.ts";

export type ThawProxyOptions = {
  /** Returns what is noted of a request that thaws. */
  readonly note: (request: Request) => string | Promise<string>;
  /** Changes a request before it is passed on. */
  readonly change?: (request: Request) => void;
};

/** `slow.thaws`: nothing that is thawed can be read yet. */
export function thawProxy(endpoint: string, { note, change }: ThawProxyOptions) {
  const thawed: string[] = [];
  const slow = { thaws: false };
  const proxy = faultProxy(endpoint, async (request, forward) => {
    if (request.method === "POST" && new URL(request.url).searchParams.has("restore")) thawed.push(await note(request));
    change?.(request);
    const answer = await forward();
    const headers = new Headers(answer.headers);
    if (!slow.thaws || request.method !== "HEAD" || !headers.has("x-amz-restore")) return answer;
    headers.set("x-amz-restore", 'ongoing-request="true"');
    return new Response(null, { status: answer.status, headers });
  });
  return { thawed, slow, endpoint: proxy.endpoint, [Symbol.dispose]: () => proxy[Symbol.dispose]() };
}

/** Makes a folder of three, each with a photo. */
export async function writeAlbum(album: string, photoOf: (year: string) => string | Uint8Array): Promise<void> {
  for (const year of ["2019", "2020", "2021"]) {
    await mkdir(join(album, year), { recursive: true });
    await writeFile(join(album, year, "photo"), photoOf(year));
  }
}
