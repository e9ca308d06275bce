/** Stands between a program and AWS: remembers the forms that it sends, and may answer some in AWS's place. Not for S3, which has no forms. */
export type Recorder = AsyncDisposable & {
  readonly endpoint: string;
  readonly forms: URLSearchParams[];
};

/** `instead` gives an answer, or undefined to have the service answer. */
export function record(service: string, instead: (form: URLSearchParams) => Response | undefined = () => undefined) {
  const forms: URLSearchParams[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = await request.text();
      const form = new URLSearchParams(body);
      forms.push(form);
      const { method, headers } = request;
      return instead(form) ?? fetch(service, { method, headers, body, decompress: false });
    },
  });
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    forms,
    [Symbol.asyncDispose]: () => server.stop(true),
  } satisfies Recorder;
}

/** A refusal of STS. */
export function stsError(code: string, message: string): Response {
  const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  return new Response(body, { status: 403, headers: { "content-type": "text/xml" } });
}
