/**
 * Runs the test services by hand, until a signal:
 *
 *   bun test/support/services/start.ts [--env-file PATH]
 *
 * Prints the variables to export for `bun test`, and writes them to PATH when told to.
 */
import { rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import { installPackages, installPythonTools } from "../install.ts";
import { toEnvironment } from "./address.ts";
import { startServices } from "./all.ts";

const { values } = parseArgs({ options: { "env-file": { type: "string" } } });
const envFile = values["env-file"];
const tell = (message: string) => console.error(message);

await installPackages(tell);
const services = await startServices({ pythonTools: await installPythonTools(tell), tell });
const variables = Object.entries(toEnvironment(services.addresses));
const exports = variables.map(([name, value]) => `export ${name}='${value}'\n`).join("");
if (envFile !== undefined) await Bun.write(envFile, exports);
process.stdout.write(exports);

const { promise: signalled, resolve } = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
const alive = setInterval(() => {}, 60_000);
await signalled;
clearInterval(alive);
await services.stop();
if (envFile !== undefined) await rm(envFile, { force: true });
