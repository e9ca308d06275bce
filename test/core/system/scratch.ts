import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteString, fromText } from "../../../core/format/path.ts";

export const isRoot = process.getuid?.() === 0;

/** A folder that goes when the test file is done. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "system-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The path as the modules under test take it. */
export function pathIn(folder: string, ...names: string[]): ByteString {
  return fromText(join(folder, ...names));
}

export function bytes(text: string): ByteString {
  return fromText(text);
}

/** Starts a program that holds something until it is released; resolves when it has said `ready`. */
export async function holding(script: string, ...args: string[]): Promise<() => Promise<void>> {
  const child = Bun.spawn(["python3", "-c", script, ...args], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  let said = "";
  const reader = child.stdout.getReader();
  while (said !== "ready\n") {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the holder did not get ready: it said ${JSON.stringify(said)}`);
    said += new TextDecoder().decode(value);
  }
  return async () => {
    child.stdin.end();
    await child.exited;
  };
}
