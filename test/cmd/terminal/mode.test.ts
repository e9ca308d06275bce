import { expect, test } from "bun:test";
import { modeText } from "../../../cmd/terminal/mode.ts";

test.each([
  ["file", 0o644, "-rw-r--r--"],
  ["folder", 0o1777, "drwxrwxrwt"],
  ["folder", 0o1770, "drwxrwx--T"],
  ["file", 0o4755, "-rwsr-xr-x"],
  ["file", 0o2640, "-rw-r-S---"],
  ["link", 0o777, "lrwxrwxrwx"],
  ["fifo", 0o600, "prw-------"],
  ["character device", 0, "c---------"],
  ["block device", 0o6777, "brwsrwsrwx"],
] as const)("the mode of a %s with %o is shown as ls does", (type, mode, shown) => {
  expect(modeText(type, mode)).toBe(shown);
});
