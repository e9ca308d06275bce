/** Loaded before test files (bunfig.toml): their environment, garbage collection and time limit. */
import { readFileSync } from "node:fs";
import { plugin } from "bun";
import { enterTestEnvironment } from "./environment.ts";
import { collectSeldom } from "./garbage.ts";

/** Milliseconds that no test needs, however busy the machine; but for those that state a longer time. */
const timeLimit = 300_000;

enterTestEnvironment();
collectSeldom();

// `bun test` takes a limit only as an option, and `setDefaultTimeout` holds for one file: so each file begins with a call of it.
plugin({
  name: "time limit of tests",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, ({ path }) => {
      const setLimit = `import { setDefaultTimeout as limitTests } from "bun:test"; limitTests(${timeLimit}); `;
      return { loader: "ts", contents: setLimit + readFileSync(path, "utf8") };
    });
  },
});
