/** Lets codecs find and run the programs that they need. What runs them is loaded only if one is needed. */
import { runCodecProgramsBy } from "../../format/codecs/codec.ts";

/** Call once, when a program starts. `signal` ends those that run. */
export function useCodecPrograms(signal?: AbortSignal): void {
  runCodecProgramsBy(async function* (program, args, content) {
    const [{ throughProgram }, { wholeOutput }] = await Promise.all([
      import("./codec-child.ts"),
      import("./codec-end.ts"),
    ]);
    const encodes = !args.includes("-d");
    const output = throughProgram(program, args, content, { encodes, signal });
    yield* encodes ? wholeOutput(program, output) : output;
  });
}
