import { describe, expect, test } from "bun:test";
import { parseArguments } from "../../../cmd/arguments.ts";
import { accessOf, type PackageWords } from "../../../cmd/shared/access.ts";
import { subcommands } from "../../../cmd/subcommands.ts";

function access(...options: string[]) {
  const request = parseArguments(["list", ...options], subcommands);
  if (request.kind !== "run") throw new Error("did not run");
  return accessOf(request.words);
}

test.each(["ls web1 /", "find x", "history /x", "diff web1 --live", "cat web1 /x", "verify", "restore web1"])(
  "%s takes the keyfile of sealed bundles",
  (line) => {
    const request = parseArguments([...line.split(" "), "--keyfile", "/key"], subcommands);
    expect(request).toMatchObject({ kind: "run" });
  },
);

describe("a package's role is assumed", () => {
  const none = { package: undefined, account: undefined, mfa: undefined };
  const cases: [options: string[], expected: PackageWords | undefined][] = [
    [[], undefined],
    [["--bucket", "b", "--cf-region", "r"], undefined],
    [["--package-name", "office"], { ...none, package: "office" }],
    [["--account", "123456789012"], { ...none, account: "123456789012" }],
    [["--account="], { ...none, account: "" }],
    [["--mfa"], { ...none, mfa: { device: undefined } }],
    [["--mfa-device", "GAHT12345678"], { ...none, mfa: { device: "GAHT12345678" } }],
  ];
  test.each(cases)("a package's role is assumed with %j: %j", (options, expected) => {
    expect(access(...options).packageRole).toEqual(expected);
  });

  test("options for the codes of two devices are refused", () => {
    expect(() => access("--mfa", "--mfa-device", "GAHT12345678")).toThrow("cannot use --mfa and --mfa-device together");
  });
});
