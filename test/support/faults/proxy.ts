/** A proxy before a real service that passes on requests as they are signed, and may change what comes back. */
export type Forward = () => Promise<Response>;

export type FaultProxy = Disposable & { readonly endpoint: string };

/** `answer` gives each answer, with `forward` for the one of the service. */
export function faultProxy(
  target: string,
  answer: (request: Request, forward: Forward) => Response | Promise<Response>,
): FaultProxy {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 1024 ** 3,
    fetch: (request) => answer(request, () => forward(target, request)),
  });
  return { endpoint: server.url.origin, [Symbol.dispose]: () => void server.stop(true) };
}

/** Keeps the `Host` that was signed. */
async function forward(target: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method } = request;
  const body = method === "GET" || method === "HEAD" ? null : await request.arrayBuffer();
  const answer = await fetch(`${target}${pathname}${search}`, {
    method,
    headers: request.headers,
    body,
    redirect: "manual",
    decompress: false,
    keepalive: false,
  });
  const headers = new Headers(answer.headers);
  headers.delete("connection");
  return new Response(method === "HEAD" ? null : await answer.arrayBuffer(), { status: answer.status, headers });
}
