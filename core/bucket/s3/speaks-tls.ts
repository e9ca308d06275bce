/** Finds out whether TLS is spoken where plain HTTP was tried: such a server cuts the connection without a word. */

import { connect } from "node:tls";
import { codeOf } from "../../failure.ts";
import { BucketError } from "../contract.ts";
import type { S3Attempt } from "./errors.ts";

const patience = 3000;

/** Returns the error that says so; undefined if the error has another reason, or nobody speaks TLS there. */
export async function plainToTls(
  error: unknown,
  { doing, what, endpoint }: S3Attempt,
): Promise<BucketError | undefined> {
  const url = endpoint === undefined ? null : URL.parse(endpoint);
  if (url?.protocol !== "http:" || !wasCut(error) || !(await speaksTls(url))) return undefined;
  const why = `${JSON.stringify(endpoint)} speaks TLS, and plain HTTP was tried`;
  return new BucketError("other", { doing, what, why, remedy: "write https:// in endpoint under [s3]", cause: error });
}

function wasCut(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE"].includes(codeOf(error) ?? "");
}

/** Any certificate will do: nothing is sent. */
function speaksTls({ hostname, port }: URL): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = connect({ host, port: Number(port || 80), rejectUnauthorized: false });
  socket.once("secureConnect", () => resolve(true));
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  socket.setTimeout(patience, () => resolve(false));
  return promise.finally(() => socket.destroy());
}
