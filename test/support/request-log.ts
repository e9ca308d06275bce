/** What the Ceph gateway says it has served: requests as the server counts them. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { CephAddress } from "./services.ts";

const served = z.object({
  bucket: z.string(),
  /** Name in the gateway's words: `put_obj`, `get_obj` (HEAD too), `list_bucket`, `init_multipart`… */
  operation: z.string(),
  http_status: z.string(),
});

export type Served = Readonly<z.infer<typeof served>>;

/**
 * The requests to a bucket so far, in about the order of their ends. The gateway answers before it logs: wait until
 * there are as many as expected, and a little longer to see that there are no more.
 */
export async function requestsTo(bucket: string, { requestLog }: CephAddress): Promise<Served[]> {
  const text = await readFile(requestLog, "utf8");
  // Requests served side by side may share a line; the last line may be half written.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split(/\n+|(?<=\})(?=\{"bucket":)/);
  const requests = lines.filter((line) => line.includes(bucket)).map((line) => served.parse(JSON.parse(line)));
  return requests.filter((request) => request.bucket === bucket);
}
