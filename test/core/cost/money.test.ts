import { describe, expect, test } from "bun:test";
import { costOf, parseMoney, toDecimal, toDisplay } from "../../../core/cost/money.ts";

describe("money", () => {
  test.each([
    ["0.0004", 400_000n],
    ["0", 0n],
    ["12", 12_000_000_000n],
    ["0.000000001", 1n],
  ])("%s is read exactly", (text, nano) => expect(parseMoney(text)).toBe(nano));

  test.each(["", "-1", "1e-7", "0.0000000001", ".5", "5.", "1,000", "$1"])("%j is not a price", (text) =>
    expect(parseMoney(text)).toBeUndefined(),
  );

  test.each<[string, number, bigint, number, bigint]>([
    ["a thousand requests cost the price", 1_000, 5_000_000n, 1_000, 5_000_000n],
    ["one costs a thousandth", 1, 400_000n, 1_000, 400n],
    ["half is rounded up", 1, 1n, 2, 1n],
    ["less than half is rounded down", 1, 1n, 3, 0n],
    ["a mean counts to the thousandth", 2.5, 1_000n, 1_000, 3n],
    ["petabytes lose nothing", 2 ** 50, 23_000_000n, 2 ** 30, 24_117_248_000_000n],
    ["nothing costs nothing", 0, 5_000_000n, 1_000, 0n],
  ])("money: %s", (_, quantity, price, per, cost) => expect(costOf(quantity, price, per)).toBe(cost));

  test.each<[bigint, string, string]>([
    [0n, "0.000000000", "0"],
    [12_345_678_901n, "12.345678901", "12.35"],
    [270_000_000n, "0.270000000", "0.27"],
    [4_015_000n, "0.004015000", "0.0040"],
    [45n, "0.000000045", "0.000000045"],
    [9_990_000n, "0.009990000", "0.0100"],
    [999_999_999n, "0.999999999", "1.00"],
    [1n, "0.000000001", "0.000000001"],
  ])("money: %d is %s, and shown as %s", (nano, decimal, display) => {
    expect(toDecimal(nano)).toBe(decimal);
    expect(toDisplay(nano)).toBe(display);
  });
});
