import { describe, expect, test } from "bun:test";
import { checkInSight } from "../../../core/write-config/in-sight.ts";

const usual = { program: ["/usr/local/bin/sysbackup"], confDir: "/etc/backup", stateDir: "/var/cache/backup" };

describe("what services use", () => {
  test("services see the default paths, and folders with similar names", () => {
    checkInSight(usual);
    checkInSight({
      ...usual,
      program: ["/usr/bin/bun", "/srv/tmp/main.ts"],
      confDir: "/tmpfs",
      stateDir: "/var/tmpl/x",
    });
  });

  const hidden = [
    ["a script in /tmp", { program: ["/usr/bin/bun", "/tmp/checkout/cmd/main.ts"] }, "/tmp/checkout/cmd/main.ts"],
    ["a configuration in /var/tmp", { confDir: "/var/tmp/conf" }, "/var/tmp/conf"],
    ["/tmp itself as state", { stateDir: "/tmp" }, "/tmp"],
  ] as const;
  for (const [name, differing, path] of hidden) {
    test(`${name} is refused, with the right place`, () => {
      expect(() => checkInSight({ ...usual, ...differing })).toThrow(
        `cannot set up services that use ${JSON.stringify(path)}: they cannot see the machine's /tmp`,
      );
    });
  }
});
