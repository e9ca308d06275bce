import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteString, baseName, fromText, parentOf } from "../../../core/format/path.ts";
import { openRoot } from "../../../core/system/files/confined.ts";
import { close } from "../../../core/system/files/files.ts";
import { openHandle } from "../../../core/system/files/handle.ts";
import { readXattrsOfHandle, type Xattrs } from "../../../core/system/metadata/xattr.ts";
import { python3 } from "../../support/python.ts";

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

/** Holds what a path names while `use` runs; a link is held itself. */
export function held<T>(path: ByteString, use: (handle: number) => T): T {
  const folder = openRoot(parentOf(path), "pass");
  const handle = openHandle(folder, baseName(path));
  close(folder);
  try {
    return use(handle);
  } finally {
    close(handle);
  }
}

/** Extended attributes of what a path names, of the link itself if it is one. */
export function xattrsOf(path: ByteString): Xattrs {
  return held(path, readXattrsOfHandle);
}

/** Starts a program that holds something until it is released; resolves when it has said `ready`. */
export async function holding(script: string, ...args: string[]): Promise<() => Promise<void>> {
  const child = Bun.spawn([python3, "-c", script, ...args], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
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
