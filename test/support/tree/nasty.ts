/** The tree that every round trip must bring back the same: all that is hard to keep, each thing with its reason. */
import { join } from "node:path";
import { buildTree } from "./build.ts";
import { type Children, folder } from "./literal.ts";
import { nastyAttributes, rootAttributes, waiting } from "./nasty/attributes.ts";
import { nastyContents } from "./nasty/contents.ts";
import { deepPaths } from "./nasty/deep.ts";
import { nastyHardLinks, nastyLinks } from "./nasty/links.ts";
import { nastyNames } from "./nasty/names.ts";

export type NastyOptions = {
  /** Whether to make what only root can make: devices, other owners, capabilities, trusted attributes, mode 000. */
  readonly root: boolean;
  /** Bytes of each of the huge sparse files, 1 MiB at least. Takes next to no space. */
  readonly sparse: number;
  /**
   * Whether the deepest path has some 2,000 steps, or else a hundred. All that goes through the tree takes twice as long with it: each
   * way of going through needs it once.
   */
  readonly deepest: boolean;
};

/** Fills `root`, an absolute path free of links. About 40 MiB of data. */
export function nastyTree(root: string, options: NastyOptions): Promise<void> {
  return buildTree(root, nasty(root, options));
}

function nasty(root: string, { root: asRoot, sparse, deepest }: NastyOptions): Children {
  if (sparse < 1024 * 1024) throw new Error("the sparse files need 1 MiB at least");
  return {
    named: folder(nastyNames()),
    deep: folder(deepPaths(join(root, "deep"), deepest ? 2_048 : 100)),
    contents: folder(nastyContents(sparse)),
    symbolic: folder(nastyLinks(join(root, "symbolic"))),
    hard: folder(nastyHardLinks("hard")),
    attributes: folder(nastyAttributes()),
    waiting: folder(waiting),
    ...(asRoot ? { "root's": folder(rootAttributes()) } : {}),
  };
}
