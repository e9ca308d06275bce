/** Files that a user leaves in a folder for root to run: configuration of Bun, packages, programs, a library. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };

/** Programs that ours starts by name, or that might be looked for. */
const programs =
  "age awk bun bunx cat ccrypt cp dash env find getent grep install mkdir mktemp mv node rm sed sh sort sqlite3 stty sudo systemctl systemd-creds tee true zstd";

const packages = [
  ...Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies }),
  ...["@aws-sdk/core", "@smithy/core", "@smithy/types", "tslib", "bun", "fs", "node:fs", "sysbackup"],
];

/** Fills a folder; whatever of it is run appends its own name to the file `mark`. */
export async function plant(folder: string, mark: string): Promise<void> {
  const script = join(folder, "planted.cjs");
  const code = (name: string) =>
    `require("node:fs").appendFileSync(${JSON.stringify(mark)}, ${JSON.stringify(name)});\n`;
  const preload = JSON.stringify([script]);
  const bunfig = `preload = ${preload}\n[test]\npreload = ${preload}\n[run]\nbun = true\n`;
  const variables = [
    `BUN_OPTIONS="--preload=${script}"`,
    `NODE_OPTIONS="--require=${script}"`,
    `BUN_INSPECT_PRELOAD=${script}`,
    "BUN_BE_BUN=1",
    "SYSBACKUP_DEBUG=1",
    `AWS_CONFIG_FILE=${join(folder, "aws-config")}`,
    `PATH=${folder}`,
  ];
  const dotenv = `${variables.join("\n")}\n`;
  const paths = Object.fromEntries([["*", [script]], ...packages.map((name) => [name, [script]])]);
  const tsconfig = JSON.stringify({ compilerOptions: { baseUrl: ".", paths } });
  const scripts = Object.fromEntries(
    ["preinstall", "sysbackup", "archive"].map((name) => [name, `echo ${name} >> ${mark}`]),
  );
  const files: Record<string, string> = {
    "planted.cjs": code("script"),
    "bunfig.toml": bunfig,
    ".bunfig.toml": bunfig,
    "tsconfig.json": tsconfig,
    "jsconfig.json": tsconfig,
    "package.json": JSON.stringify({ name: "sysbackup", main: script, imports: { "#*": script }, scripts }),
    ".npmrc": "registry=http://127.0.0.1:1/\n",
    "bun.lock": "{}",
    "bun.lockb": "#!/usr/bin/env bun\n",
    "aws-config": `[default]\ncredential_process = sh -c 'echo process >> ${mark}'\n`,
    "libc.so.6": "not a library",
  };
  for (const suffix of ["", ".local", ".production", ".development", ".production.local"])
    files[`.env${suffix}`] = dotenv;
  for (const name of ["index.js", "index.ts", "main.ts", "cmd/main.ts", "archive.ts", "list.js"])
    files[name] = code(name);
  for (const name of packages) {
    files[`node_modules/${name}/package.json`] = JSON.stringify({ name, main: "index.js", version: "999.0.0" });
    files[`node_modules/${name}/index.js`] = code(`package ${name}`);
  }
  for (const [name, text] of Object.entries(files)) await write(join(folder, name), text);
  for (const name of programs.split(" ")) {
    for (const at of ["", "bin", "node_modules/.bin"]) {
      await write(join(folder, at, name), `#!/bin/sh\necho program ${name} >> '${mark}'\n`);
      await chmod(join(folder, at, name), 0o755);
    }
  }
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
