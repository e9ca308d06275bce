import { expect, test } from "bun:test";
import { join } from "node:path";
import { has } from "../support/services.ts";

const template = join(import.meta.dir, "../../cfn/sysbackup.yaml");

test.skipIf(!has("cfn-lint"))(
  "cfn-lint finds nothing to warn of, nor to inform of",
  async () => {
    const child = Bun.spawn(["cfn-lint", "--include-checks", "I", "--", template], { stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect({ stdout, stderr, exit }).toEqual({ stdout: "", stderr: "", exit: 0 });
  },
  60_000,
);
