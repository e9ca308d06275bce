import { expect, test } from "bun:test";
import { pathOfFileUrl } from "../../core/file-url.ts";

test.each([
  ["file:///srv/backups", "/srv/backups"],
  ["file:///srv/a b#c", "/srv/a b#c"],
  ["file:///srv/why?not", "/srv/why?not"],
  ["file:///srv/a%20b%23c", "/srv/a b#c"],
  ["file:///srv/back\\slash", "/srv/back\\slash"],
  ["file:///srv/tab\tname", "/srv/tab\tname"],
  ["file:///srv/../srv/x", "/srv/x"],
  ["file:///srv/café", "/srv/café"],
])("the URL %s is the folder %s", (url, path) => {
  expect(pathOfFileUrl(url)).toBe(path);
});

test.each(["file://host/x", "file:/srv", "/srv", "file:///100%", "file:///a%00b", "s3://bucket"])(
  "the URL %s is no folder",
  (url) => {
    expect(pathOfFileUrl(url)).toBeUndefined();
  },
);
