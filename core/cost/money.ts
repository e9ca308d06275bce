/**
 * Money as whole billionths of a currency unit, so that a million small amounts add up to what the bill says. A get costs
 * 400 of them on S3.
 */
export type Nano = bigint;

const unit = 1_000_000_000n;
const decimal = /^(\d{1,9})(?:\.(\d{1,9}))?$/;

/** Parses `0.0004` exactly; returns undefined unless it is a plain decimal of at most nine digits behind the point. */
export function parseMoney(text: string): Nano | undefined {
  const [, whole, fraction = ""] = decimal.exec(text) ?? [];
  return whole === undefined ? undefined : BigInt(whole) * unit + BigInt(fraction.padEnd(9, "0"));
}

/** Computes what `quantity` costs at `price` for each `per`, rounded half up. A mean that is not whole counts to the thousandth. */
export function costOf(quantity: number, price: Nano, per: number): Nano {
  const scale = Number.isInteger(quantity) ? 1 : 1000;
  const divisor = BigInt(per * scale);
  return (BigInt(Math.round(quantity * scale)) * price * 2n + divisor) / (divisor * 2n);
}

/** Writes money exactly, for JSON: `12.000000400`. */
export function toDecimal(money: Nano): string {
  return `${money / unit}.${String(money % unit).padStart(9, "0")}`;
}

/** Writes money for people: cents from one unit on, below that the first two digits that count: `12.35`, `0.27`, `0.0040`. */
export function toDisplay(money: Nano): string {
  if (money === 0n) return "0";
  const leading = 9 - String(money).length;
  const digits = Math.min(9, Math.max(2, leading + 2));
  const step = 10n ** BigInt(9 - digits);
  const rounded = ((money + step / 2n) / step) * step;
  return toDecimal(rounded).slice(0, digits - 9 || undefined);
}
