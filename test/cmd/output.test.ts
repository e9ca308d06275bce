import { expect, test } from "bun:test";
import { createOutput } from "../../cmd/output.ts";

test("lines and bytes are written in their order, bytes as they are, and small ones together", () => {
  const writes: Buffer[] = [];
  const output = createOutput(
    (results) => writes.push(Buffer.from(results)),
    () => {},
  );
  const piece = Buffer.from([0xff, 0x00]);
  output.line("a\x1b");
  output.bytes(piece);
  piece[0] = 1;
  output.line("b");
  expect(writes).toEqual([]);
  output.flush();
  const large = Buffer.alloc(100_000, 7);
  output.bytes(Buffer.from("c"));
  output.bytes(large);
  output.flush();
  const small = Buffer.concat([Buffer.from("a\\u001b\n"), Buffer.from([0xff, 0x00]), Buffer.from("b\n")]);
  expect(writes).toEqual([small, Buffer.from("c"), large]);
});

test("bytes are dropped once nobody reads them", () => {
  let closed = 0;
  const output = createOutput(
    () => {
      throw Object.assign(new Error("EPIPE"), { code: "EPIPE" });
    },
    () => {
      closed += 1;
    },
  );
  output.bytes(Buffer.alloc(100_000));
  output.bytes(Buffer.alloc(100_000));
  output.flush();
  expect(closed).toBe(1);
});
