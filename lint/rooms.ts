/** Holds the imports of the product against the table of `arrows.ts`. `bun lint/rooms.ts` checks the project. */
import { dirname } from "node:path";
import { type ArrowTable, arrows } from "./arrows.ts";
import { findCircles } from "./graph.ts";
import { type Import, importsOf } from "./imports.ts";
import { report } from "./report.ts";
import { checkout, product, readSources } from "./sources.ts";

/** Gives one line for every file without a room, forbidden import, and arrow or room of the table that nobody uses. */
export function arrowProblems(files: readonly string[], imports: readonly Import[], table: ArrowTable): string[] {
  const used = new Set<string>();
  const problems = files.filter((file) => !roomOf(file, table)).map((file) => `${file}: its folder is in no room`);
  for (const { from, to } of imports) {
    const [room, target] = [roomOf(from, table), roomOf(to, table)];
    if (!room) continue;
    if (!target) problems.push(`${from} imports ${to}, which is in no room`);
    else if (table[room]?.includes(target)) used.add(arrow(room, target));
    else if (room !== target) problems.push(`${from} imports ${to}: "${room}" may not import "${target}"`);
    else if (room.endsWith("/*") && dirname(from) !== dirname(to))
      problems.push(`${from} imports ${to}: rooms of "${room}" may not import each other`);
  }
  const inhabited = new Set([...files, ...imports.map(({ to }) => to)].map((file) => roomOf(file, table)));
  return [...problems, ...idleRows(table, used, inhabited)];
}

/** Gives one line for every name in the table that is no room, and for every circle. */
export function tableProblems(table: ArrowTable): string[] {
  const unknown = pairs(table).filter(([, target]) => !table[target]);
  const circles = findCircles(new Map(Object.entries(table)));
  return [
    ...unknown.map(([room, target]) => `lint/arrows.ts: "${target}", which "${room}" may import, is no room`),
    ...circles.map((circle) => `lint/arrows.ts: circle of rooms: ${circle.join(" → ")}`),
  ];
}

/** The narrowest room counts: the file itself, its folder, `…/*` for folders side by side, `…/**` for a whole tree. */
function roomOf(file: string, table: ArrowTable): string | undefined {
  const folder = dirname(file);
  const rooms = [file, folder, `${dirname(folder)}/*`];
  for (let tree = folder; tree !== "."; tree = dirname(tree)) rooms.push(`${tree}/**`);
  return rooms.find((room) => Object.hasOwn(table, room));
}

function idleRows(table: ArrowTable, used: ReadonlySet<string>, inhabited: ReadonlySet<string | undefined>): string[] {
  const idle = pairs(table).filter(([room, target]) => !used.has(arrow(room, target)));
  const empty = Object.keys(table).filter((room) => !inhabited.has(room));
  return [
    ...idle.map(([room, target]) => `lint/arrows.ts: nothing in "${room}" imports "${target}": remove the arrow`),
    ...empty.map((room) => `lint/arrows.ts: nothing is in "${room}": remove the row`),
  ];
}

function pairs(table: ArrowTable): (readonly [room: string, target: string])[] {
  return Object.entries(table).flatMap(([room, targets]) => targets.map((target) => [room, target] as const));
}

function arrow(room: string, target: string): string {
  return `${room} → ${target}`;
}

if (import.meta.main) {
  const sources = await readSources(checkout, product);
  const { imports, problems } = importsOf(checkout, sources);
  const files = sources.map(({ path }) => path);
  report([...problems, ...tableProblems(arrows), ...arrowProblems(files, imports, arrows)]);
}
