/** Findings of the checks: one line each. */
import { Failure } from "../failure.ts";

/** `note`: worth knowing, nothing to do. `warning`: backups are made, but something is wrong. `bad`: none are made, or they are not safe. */
export type State = "good" | "note" | "warning" | "bad";

export type DoctorFinding = {
  /** The check's name. */
  readonly check: string;
  readonly state: State;
  /** No final period. Holds no secret. */
  readonly text: string;
  /** What to do, as an imperative, if there is something to do. */
  readonly remedy?: string;
};

/** A finding without the name of its check. */
export type Look = Omit<DoctorFinding, "check">;

export const good = (text: string): Look => ({ state: "good", text });
export const note = (text: string, remedy?: string): Look => look("note", text, remedy);
export const warning = (text: string, remedy: string): Look => look("warning", text, remedy);
export const bad = (text: string, remedy: string): Look => look("bad", text, remedy);

function look(state: State, text: string, remedy: string | undefined): Look {
  return { state, text, ...(remedy !== undefined && { remedy }) };
}

/** The error of a check that lacks the rights to look: reported as a warning, as all may be well. */
export class CannotLook extends Failure {}

const order: readonly State[] = ["good", "note", "warning", "bad"];

export function worst(findings: readonly DoctorFinding[]): State {
  return order[Math.max(0, ...findings.map(({ state }) => order.indexOf(state)))] ?? "good";
}
