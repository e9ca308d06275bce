/** What archive says is complete restores completely: thousands of generated entries, in trees of 500. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { writeConf } from "../support/program.ts";
import { isRoot } from "../support/services.ts";
import { buildTree } from "../support/tree/build.ts";
import { describeTree } from "../support/tree/describe.ts";
import {
  type Attributes,
  type Children,
  file,
  folder,
  hardLink,
  link,
  type Node,
  sparseFile,
} from "../support/tree/literal.ts";
import { archive, lostBy } from "./loop.ts";
import { randomFrom } from "./random.ts";

const trees = full ? 20 : 6;
const entries = 500;
const minutes = 60_000;

class Generator {
  readonly #random: () => number;
  readonly #files: string[] = [];
  #left: number;

  constructor(seed: number, count: number) {
    this.#random = randomFrom(seed);
    this.#left = count;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #of<T>(list: readonly T[]): T {
    const found = list[this.#below(list.length)];
    if (found === undefined) throw new Error("an empty list");
    return found;
  }

  /** Bytes of all kinds, some of which are no UTF-8, and none of which is a slash. */
  #name(): string {
    const length = 1 + this.#below(this.#below(8) === 0 ? 60 : 6);
    const one = () =>
      this.#of(["a", "b", "-", " ", ".", "0", "~", "\n", "é", "\\", "*", "\u{dcff}", "\u{dc80}", "€", "!", "\x01"]);
    return `${Array.from({ length }, one).join("")}${this.#left.toString(36)}`;
  }

  #attributes(): Attributes {
    const bits = isRoot ? 0o7777 : 0o777;
    const owner = isRoot ? { uid: this.#of([0, 1, 1000, 4_294_967_294]), gid: this.#of([0, 1, 65_534]) } : {};
    const seconds = this.#of([0, -1, 1, -(2 ** 31), 2 ** 31, 2 ** 33, 1_700_000_000]);
    const nanoseconds = this.#of([0, 1, 999_999_999, this.#below(1e9)]);
    const readable = isRoot ? 0 : 0o700;
    return {
      mode: this.#below(bits + 1) | readable,
      ...owner,
      ...(this.#below(4) === 0 && { xattrs: { "user.x": "v".repeat(this.#below(300)), "user.é": "\0" } }),
      ...(this.#below(8) === 0 && { acl: "user:daemon:r,mask::rx" }),
      modified: [seconds, nanoseconds],
    };
  }

  #node(path: string, depth: number): Node {
    const kind = this.#below(12);
    const random = () => ({ random: this.#of([0, 1, 4_095, 4_096, 70_000]), seed: this.#below(40) });
    if (kind < 3 && depth < 6) return folder(this.children(path, depth + 1), this.#attributes());
    if (kind === 3) return link(this.#of(["/", "nowhere", "../..", "\u{dcfe}", "x".repeat(300)]));
    if (kind === 4) {
      // Only files and folders have attributes of users.
      const { xattrs: _, ...attributes } = this.#attributes();
      return { type: "fifo", attributes };
    }
    if (kind === 5 && this.#files.length > 0) return hardLink(this.#of(this.#files));
    this.#files.push(path);
    if (kind > 8) return file(random(), this.#attributes());
    if (kind > 6) return file({ repeat: this.#of(["\0", "text "]), times: this.#below(40_000) }, this.#attributes());
    // Holes of smaller files with attributes are not always seen: ext4 keeps those in a block of the file.
    const size = this.#of([65_536, 1_000_000, 2 ** 26]);
    return sparseFile(
      size,
      [{ at: this.#below(size - 4_096), bytes: random() }].slice(this.#below(2)),
      this.#attributes(),
    );
  }

  children(above: string, depth: number): Children {
    const made: Record<string, Node> = {};
    const most = depth === 0 ? this.#left : this.#below(60);
    for (let number = 0; number < most && this.#left > 0; number += 1) {
      const name = this.#name();
      this.#left -= 1;
      made[name] = this.#node(above === "" ? name : `${above}/${name}`, depth);
    }
    return made;
  }
}

test(
  "property: whatever is in a tree of 500 generated entries, a backup of it that is complete restores completely",
  async () => {
    for (let seed = 1; seed <= trees; seed += 1) {
      await using dir = await scratch();
      const tree = join(dir.path, "tree");
      await buildTree(tree, new Generator(seed, entries).children("", 0));
      const layout = seed % 2 === 0 ? "packs" : "objects";
      const sections = { content: { layout } };
      const { conf } = await writeConf(dir.path, { sections, pickers: { all: `exec find '${tree}' -print0` } });
      const { exit, stderr } = await archive(conf, { exits: [0, 3] });
      expect({ seed, exit, stderr }).toEqual({ seed, exit: 0, stderr: "" });
      expect({ seed, lost: await lostBy(conf, { tree, expected: await describeTree(tree) }) }).toEqual({
        seed,
        lost: [],
      });
    }
  },
  15 * minutes,
);
