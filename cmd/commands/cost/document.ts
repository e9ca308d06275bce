/** Builds the JSON of `sysbackup cost`: money as exact decimal text in the currency of the price table. */
import type { Bill } from "../../../core/cost/bill.ts";
import type { Cost, Estimate, Priced } from "../../../core/cost/cost.ts";
import { type Nano, toDecimal } from "../../../core/cost/money.ts";
import type { PriceTable } from "../../../core/cost/prices.ts";

export function documentOf(cost: Cost, { provider, region, currency, as_of, source }: PriceTable): object {
  const { classes, figures, cold, ...rest } = cost;
  return {
    ...rest,
    prices: { provider, region, currency, as_of, source },
    stored: bothLayouts(figures, ({ content, manifests, dumps }) => ({ content, manifests, dumps })),
    bundles: {
      classes: cold.classes.map(({ month, restore, ...sums }) => ({
        ...sums,
        month: decimal(month),
        restore: decimal(restore),
      })),
      thaw: cold.thaw.map(({ speed, cost: price }) => ({ speed, cost: toDecimal(price) })),
    },
    classes: classes.map(({ name, layouts }) => ({ name, ...bothLayouts(layouts, estimateOf) })),
  };
}

const decimal = (money: Nano | undefined) => money && toDecimal(money);

function bothLayouts<From, To>(
  { "as it is": is, "one object a file": one }: { "as it is": From; "one object a file": From },
  convert: (from: From) => To,
) {
  return { as_it_is: convert(is), one_object_a_file: convert(one) };
}

function estimateOf({ nothing, run, month, restore }: Estimate): object {
  return {
    backup_from_nothing: priced(nothing),
    daily_run: priced(run),
    month: priced(month),
    full_restore: priced(restore),
  };
}

function priced({ requests, stored, read, bill }: Priced): object {
  return { requests, stored_bytes_month: stored, read_bytes: read, cost: billOf(bill) };
}

function billOf({ requests, storage, retrieval, egress, total }: Bill): object {
  return {
    requests: toDecimal(requests),
    storage: toDecimal(storage),
    retrieval: toDecimal(retrieval),
    egress: toDecimal(egress),
    total: toDecimal(total),
  };
}
