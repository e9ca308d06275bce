/** Files like those of a real machine, many small and a few large, for tests that are about the runs and not the files. */
import { buildTree } from "../support/tree/build.ts";
import { type Children, file, folder, hardLink, link } from "../support/tree/literal.ts";

export const MiB = 1024 * 1024;

/** Fills `root` with about `bytes`, hardly any of which compress: nine tenths of them in eight files, beside so many smaller ones. */
export function mixedFiles(root: string, bytes: number, files = 800): Promise<void> {
  const mediums = files / 4;
  const large = Math.round((bytes * 0.9) / 8);
  const medium = Math.round((bytes * 0.1) / mediums);
  return buildTree(root, {
    large: folder(numbered(8, (number) => file({ random: large, seed: number }))),
    medium: folder(numbered(mediums, (number) => file({ random: medium, seed: 100 + number }))),
    small: folder(numbered(10, (number) => folder(smallFiles(number, (files - mediums) / 10)))),
    links: folder({ one: link("../large/0"), nowhere: link("not/there"), same: hardLink("medium/7") }),
    empty: folder(),
  });
}

function smallFiles(folder: number, count: number): Children {
  return numbered(count, (number) => file({ repeat: `${folder}.${number} `, times: number * 3 }));
}

function numbered<Made>(count: number, make: (number: number) => Made): Record<string, Made> {
  return Object.fromEntries(Array.from({ length: count }, (_, number) => [`${number}`, make(number)]));
}
