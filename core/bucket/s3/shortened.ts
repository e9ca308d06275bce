/** What is kept of a refusal that is too long: its code, and the beginning of its message. */

const beginning = 1000;

/** `body` begins the XML of an error, as all AWS services word it. Empty if no code is in it. */
export function shortenedRefusal(body: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(body);
  const code = /<Code>([\w.-]{1,100})<\/Code>/.exec(text)?.[1];
  if (code === undefined) return new Uint8Array();
  const message = /<Message>([^<&]*)/.exec(text)?.[1]?.slice(0, beginning) ?? "";
  return Buffer.from(`<Error><Code>${code}</Code><Message>${message}…</Message></Error>`);
}
