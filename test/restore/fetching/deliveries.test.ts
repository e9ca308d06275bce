/** Frames that are being delivered while the next ones are read. */
import { expect, test } from "bun:test";
import { Deliveries } from "../../../restore/fetching/deliveries.ts";

test("the end waits for all deliveries, and throws the first error of any", async () => {
  const deliveries = new Deliveries();
  const ended: string[] = [];
  deliveries.add(Promise.reject(new Error("full")), () => ended.push("failed"));
  deliveries.add(Bun.sleep(5), () => ended.push("slow"));
  expect(() => deliveries.throwIfFailed()).not.toThrow();
  await expect(deliveries.end()).rejects.toThrow("full");
  expect(ended).toEqual(["failed", "slow"]);
  expect(() => deliveries.throwIfFailed()).toThrow("full");
});
