/** Carries the pace of a body through the SDK, which hands the options of a request on to its handler. */
import type { SendPace } from "../contract.ts";

export class Paced {
  constructor(readonly take: SendPace) {}
}
