/**
 * The way of a request: directly, or through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), and
 * whose certificates are trusted (`AWS_CA_BUNDLE`). Bun's own HTTP module knows none of these.
 */
import { Agent } from "node:https";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { getProxyForUrl } from "proxy-from-env";
import { reasonOf } from "../../failure.ts";
import { readRegularSync } from "../../system/files/regular-file.ts";
import { BucketError } from "../contract.ts";

type Destination = { readonly protocol: string; readonly hostname: string; readonly port?: number | undefined };

const mostSockets = 50;

/** Returns the proxy for a request; undefined for none. Throws a BucketError for one of an unknown kind. */
export function proxyFor({ protocol, hostname, port }: Destination): string | undefined {
  const proxy = getProxyForUrl(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`);
  if (proxy === "") return undefined;
  const url = URL.parse(proxy);
  if (url !== null && /^https?:$/.test(url.protocol)) return proxy;
  throw new BucketError("other", {
    doing: "use the proxy that the environment names for",
    what: hostname,
    why: "it is no URL that begins with http:// or https://",
    remedy: "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
  });
}

/** Options of a handler for direct requests. */
export function directly(): { readonly httpsAgent?: Agent } {
  const ca = authorities();
  return ca === undefined ? {} : { httpsAgent: new Agent({ keepAlive: true, maxSockets: mostSockets, ca }) };
}

/** Makes the handler for requests through a proxy. */
export async function throughProxy(proxy: string, connectionTimeout: number): Promise<NodeHttpHandler> {
  const [{ HttpProxyAgent }, { HttpsProxyAgent }] = await Promise.all([
    import("http-proxy-agent"),
    import("https-proxy-agent"),
  ]);
  const ca = authorities();
  const trusted = ca === undefined ? {} : { ca };
  const options = { keepAlive: true, maxSockets: mostSockets, ...trusted };
  const httpsAgent = new HttpsProxyAgent(proxy, options);
  // The options of the agent are for the proxy itself, those of a connection for the server behind it.
  const connect = httpsAgent.connect.bind(httpsAgent);
  httpsAgent.connect = (request, how) => connect(request, { ...how, ...trusted });
  return new NodeHttpHandler({ connectionTimeout, httpAgent: new HttpProxyAgent(proxy, options), httpsAgent });
}

/** The certificates of `AWS_CA_BUNDLE`, which replace those of the system, as in the AWS CLI. */
function authorities(): string | undefined {
  const file = process.env.AWS_CA_BUNDLE ?? "";
  if (file === "") return undefined;
  try {
    return readRegularSync(file).toString();
  } catch (error) {
    throw new BucketError("other", {
      doing: "read the certificates in",
      what: file,
      why: reasonOf(error),
      remedy: "check AWS_CA_BUNDLE",
      cause: error,
    });
  }
}
