/** How clients of the SDK that are not the bucket's send their requests: with the same bounds. Loaded lazily, as the clients are. */
import type { GuardedHandler } from "../bucket/s3/handler.ts";

export async function requestHandler(signal?: AbortSignal): Promise<GuardedHandler> {
  const { GuardedHandler } = await import("../bucket/s3/handler.ts");
  return new GuardedHandler({ signal });
}
