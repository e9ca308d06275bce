import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { memoryForUs } from "../../../../core/system/threads/memory.ts";

const GiB = 1024 ** 3;
const meminfo = "MemTotal:       4194304 kB\nMemFree:          100000 kB\nMemAvailable:    2097152 kB\n";
const unlimited = "9223372036854771712\n";

/** Files of a machine that has 2 GiB free for programs. */
const machine = (files: Readonly<Record<string, string>>) => (path: string) =>
  ({ "/proc/meminfo": meminfo, ...files })[path];

describe("memory that this process may take", () => {
  test("what is available on the machine counts if no control group has a limit", () => {
    expect(memoryForUs(machine({}))).toBe(2 * GiB);
    const service = "/sys/fs/cgroup/system.slice/a.service/memory.max";
    expect(memoryForUs(machine({ "/proc/self/cgroup": "0::/system.slice/a.service\n", [service]: "max\n" }))).toBe(
      2 * GiB,
    );
  });

  const groups: readonly (readonly [what: string, cgroup: string, file: string])[] = [
    ["our group", "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service/memory.max"],
    [
      "our group, above which it is slowed down,",
      "0::/system.slice/a.service\n",
      "/sys/fs/cgroup/system.slice/a.service/memory.high",
    ],
    ["a group above ours", "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/memory.max"],
    ["a container that sees its group as the root", "0::/\n", "/sys/fs/cgroup/memory.max"],
    ["a container that sees another path than its own", "0::/docker/1f0c\n", "/sys/fs/cgroup/memory.max"],
    ["a group of version 1", "5:cpu:/\n4:memory:/lxc/a\n0::/\n", "/sys/fs/cgroup/memory/lxc/a/memory.limit_in_bytes"],
    ["the root of version 1", "4:memory,hugetlb:/docker/1f0c\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes"],
  ];
  test.each(groups)("a lower limit of %s counts", (_, cgroup, file) => {
    const limited = (limit: string) => memoryForUs(machine({ "/proc/self/cgroup": cgroup, [file]: limit }));
    expect(limited("536870912\n")).toBe(GiB / 2);
    expect(limited(`${8 * GiB}\n`)).toBe(2 * GiB);
    expect(limited(unlimited)).toBe(2 * GiB);
    expect(limited("garbage\n")).toBe(2 * GiB);
  });

  test("limits of other controllers do not count", () => {
    const files = { "/proc/self/cgroup": "4:pids:/a\n", "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1\n" };
    expect(memoryForUs(machine(files))).toBe(2 * GiB);
  });

  test("nothing is known of a kernel that says nothing", () => {
    expect(memoryForUs(() => undefined)).toBeUndefined();
  });

  test("this machine says how much it has", () => {
    const total = Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1]) * 1024;
    expect(memoryForUs()).toBeGreaterThan(0);
    expect(memoryForUs()).toBeLessThanOrEqual(total);
  });
});
