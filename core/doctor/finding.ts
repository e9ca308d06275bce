/** What a check has to say: one line each. */
import { Failure } from "../failure.ts";

/** `note`: worth knowing, nothing to do. `warning`: backups come about, but not as they should. `bad`: they do not, or are not safe. */
export type State = "good" | "note" | "warning" | "bad";

export type DoctorFinding = {
  /** The check's name. */
  readonly check: string;
  readonly state: State;
  /** No final period. Holds no secret. */
  readonly text: string;
  /** What to do, as an imperative; where there is something to do. */
  readonly remedy?: string;
};

/** A finding before it is known whose it is. */
export type Look = Omit<DoctorFinding, "check">;

export const good = (text: string): Look => ({ state: "good", text });
export const note = (text: string, remedy?: string): Look => look("note", text, remedy);
export const warning = (text: string, remedy: string): Look => look("warning", text, remedy);
export const bad = (text: string, remedy: string): Look => look("bad", text, remedy);

function look(state: State, text: string, remedy: string | undefined): Look {
  return { state, text, ...(remedy !== undefined && { remedy }) };
}

/** All may be well, but whoever asks cannot know: told as a warning. */
export class CannotLook extends Failure {}

const order: readonly State[] = ["good", "note", "warning", "bad"];

export function worst(findings: readonly DoctorFinding[]): State {
  return order[Math.max(0, ...findings.map(({ state }) => order.indexOf(state)))] ?? "good";
}
