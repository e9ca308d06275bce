/** Sends requests of SDK clients other than the bucket's within the same bounds. Loaded lazily, like the clients. */
import type { GuardedHandler } from "../bucket/s3/handler.ts";

export async function requestHandler(signal?: AbortSignal): Promise<GuardedHandler> {
  const { GuardedHandler } = await import("../bucket/s3/handler.ts");
  return new GuardedHandler({ signal });
}
