/**
 * Runs the test services by hand, until a signal:
 *
 *   bun test/support/services/start.ts [--exports PATH]
 *
 * Prints the variables to export for `bun test`, and writes them to PATH if requested. The option is no `--env-file`: Node takes that
 * for its own, also behind the script, if npx runs Bun.
 */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { enterTestEnvironment } from "../environment.ts";
import { install } from "../install.ts";
import { untilSignal } from "../signal.ts";
import { toEnvironment } from "./address.ts";
import { startServices } from "./all.ts";

const { values } = parseArgs({ options: { exports: { type: "string" } } });
const exportsFile = values.exports;
const tell = (message: string) => console.error(message);

const signal = untilSignal();

const { pythonTools } = await install({ machine: { ...process.env }, tell, signal });
enterTestEnvironment();
const services = await startServices({ folder: tmpdir(), pythonTools, tell, signal });
const variables = Object.entries(toEnvironment(services.addresses));
const exports = variables.map(([name, value]) => `export ${name}='${value}'\n`).join("");
if (exportsFile !== undefined) await Bun.write(exportsFile, exports);
process.stdout.write(exports);

while (!signal.aborted) await Bun.sleep(100);
await services.stop();
if (exportsFile !== undefined) await rm(exportsFile, { force: true });
