/** Lets codecs find and run the programs that they need. What runs them is loaded only if one is needed. */
import { runCodecProgramsBy } from "../format/codec.ts";

/** Call once, when a program starts. `signal` ends those that run. */
export function useCodecPrograms(signal?: AbortSignal): void {
  runCodecProgramsBy(async function* (program, args, content) {
    const { throughProgram } = await import("./codec-child.ts");
    yield* throughProgram(program, args, content, { encodes: !args.includes("-d"), signal });
  });
}
