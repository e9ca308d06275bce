/** Makes a tree literal on disk. `build.py` does it, because node:fs knows no nodes, xattrs, nor paths that long. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { plainPython } from "../python.ts";
import type { Attributes, Bytes, Children, Node, Piece } from "./literal.ts";

/** Fills `root`, which is made if it is missing. Needs the rights that the literal's attributes need. */
export async function buildTree(root: string, children: Children): Promise<void> {
  await mkdir(root, { recursive: true });
  const script = join(import.meta.dir, "build.py");
  const child = Bun.spawn([...plainPython, script, root], {
    stdin: new Blob(stepsOf(children).map((step) => `${JSON.stringify(step)}\n`)),
    stderr: "pipe",
  });
  const [errors, exit] = await Promise.all([child.stderr.text(), child.exited]);
  if (exit !== 0) throw new Error(`build.py ended with status ${exit}: ${errors}`);
}

/** Flat, in the order of making: a nested document would be too deep for JSON parsers. */
function stepsOf(children: Children): object[] {
  const steps: object[] = [];
  const add = (children: Children) => {
    for (const [name, node] of Object.entries(children)) {
      steps.push(stepOf(name, node));
      if (node.type !== "folder") continue;
      add(node.children);
      steps.push({ type: "up", attributes: attributesOf(node.attributes) });
    }
  };
  add(children);
  return steps;
}

function stepOf(name: string, node: Node): object {
  if (node.type === "folder") return { type: node.type, name };
  const attributes = attributesOf(node.attributes);
  if (node.type !== "file") return { ...node, name, attributes };
  return { ...node, name, attributes, pieces: node.pieces.map(pieceOf) };
}

function pieceOf({ at, bytes }: Piece): object {
  return isGiven(bytes) ? { at, base64: base64(bytes) } : { at, ...bytes };
}

function attributesOf({ xattrs = {}, ...plain }: Attributes): object {
  const encoded = Object.entries(xattrs).map(([name, value]) => [name, base64(value)]);
  return { ...plain, xattrs: Object.fromEntries(encoded) };
}

function isGiven(bytes: Bytes): bytes is string | Uint8Array {
  return typeof bytes === "string" || bytes instanceof Uint8Array;
}

function base64(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
