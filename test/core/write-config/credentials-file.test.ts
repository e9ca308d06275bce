import { describe, expect, test } from "bun:test";
import { keyPairIn, onlyKeyPair, withKeyPair } from "../../../core/write-config/credentials-file.ts";

const pair = { id: "AKIAEXAMPLE", secret: "abc/def+ghi=" };

test("a new file has one section, from which the pair is read", () => {
  const text = withKeyPair("", "default", pair, "f");
  expect(text).toBe("[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = abc/def+ghi=\n");
  expect(keyPairIn(text, "default", "f")).toEqual(pair);
});

test("other sections stay, and a session token of the section is removed, as it belongs to another key", () => {
  const old = "[a]\naws_access_key_id = A\n[web]\naws_access_key_id=B\naws_secret_access_key=C\naws_session_token=D\n";
  expect(withKeyPair(old, "web", pair, "f")).toBe(
    "[a]\naws_access_key_id = A\n[web]\naws_access_key_id=AKIAEXAMPLE\naws_secret_access_key=abc/def+ghi=\n",
  );
});

describe("a decrypted copy", () => {
  test("a copy of s3-sysbackup has a section of another name", () => {
    expect(onlyKeyPair(withKeyPair("", "encrypted", pair, "f"), "f")).toEqual(pair);
  });
  const bad = [
    ["without a pair", "[default]\naws_access_key_id = A\n", 0],
    ["with two", withKeyPair(withKeyPair("", "a", pair, "f"), "b", pair, "f"), 2],
  ] as const;
  test.each(bad)("%s is refused, and the message quotes nothing of it", (_, text, count) => {
    const refused = () => onlyKeyPair(text, "copy.age");
    expect(refused).toThrow(`cannot use the credentials file "copy.age": it has ${count} key pairs, not one`);
    expect(refused).not.toThrow("AKIA");
  });
});
