import { printable } from "../../terminal/printable.ts";

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML, in content and in quoted attributes: names come from whoever could write files or manifests. */
export function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
