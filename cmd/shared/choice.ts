/** An option whose value is one of a few words. */
import { nearest } from "../../core/config/nearest.ts";
import { exitStatus, Failure } from "../../core/failure.ts";

/** `option`: without dashes. Throws a Failure for any other word. */
export function oneOf<Choice extends string>(option: string, choices: readonly Choice[], written: string): Choice {
  const choice = choices.find((known) => known === written);
  if (choice) return choice;
  const near = nearest(written, choices);
  throw new Failure({
    doing: `use --${option}`,
    what: written,
    why: `known are ${choices.join(", ")}`,
    ...(near && { remedy: `did you mean ${near}?` }),
    exit: exitStatus.usage,
  });
}
