/** Ids of chunks of sealed backups are an HMAC as docs/format.md describes it. */
import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { keyedBy } from "../../../../core/format/codecs/keyed.ts";
import { sha256 } from "../../../../core/format/sha256.ts";

test("ids of chunks are HMAC-SHA-256 under a key of the secret and the recipients, one after another", () => {
  for (const recipients of [[], ["age1b", "age1a"], ["a command ".repeat(100)]]) {
    const secret = crypto.getRandomValues(new Uint8Array(40));
    const keyed = keyedBy(secret, recipients);
    const key = createHmac("sha256", secret).update(recipients.toSorted().join("\n")).digest();
    for (let number = 0; number < 100; number += 1) {
      const chunk = sha256(Buffer.from(`${number}`));
      expect(keyed.chunkId(chunk)).toBe(createHmac("sha256", key).update(`sysbackup chunk ${chunk}`).digest("hex"));
    }
  }
});

test("an id is made of a whole SHA-256 only, as memory would hold another one's end", () => {
  const keyed = keyedBy(new Uint8Array(32), []);
  expect(() => keyed.chunkId("ab")).toThrow("not the SHA-256");
  expect(() => keyed.chunkId("ab".repeat(33))).toThrow("not the SHA-256");
});
