/** Writes a script beside fetched dumps that replays them: for another machine, or another day. */

import { dumpsFolder } from "../../core/format/entries/dump.ts";
import type { ManifestHeader } from "../../core/format/manifest/manifest.ts";
import { fromText } from "../../core/format/path.ts";
import { createFile, remove, writeAt } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { setMode } from "../../core/system/metadata/metadata.ts";
import { putInPlace } from "../target/place.ts";
import { unlessRefused } from "../target/refused.ts";
import type { Target } from "../target/target.ts";
import { shownDump } from "./dump-question.ts";
import { shownCommand } from "./shown-command.ts";
import { type Decision, ownFolder, scriptName } from "./snapshots.ts";

/** `fetched`: dumps that are in the folder. Does nothing if none of them is whole and has a command. */
export function writeReplayScript(fetched: readonly Decision[], header: ManifestHeader, target: Target): void {
  const lines = fetched.flatMap((decision) => linesOf(decision, header));
  if (lines.length === 0) return;
  const text = Buffer.from([...beginning, ...lines, ...end, ""].join("\n"));
  target.make(dumpsFolder, ownFolder);
  const temporary = target.names.next();
  const place = target.workplace(dumpsFolder);
  const fd = createFile(place, temporary);
  try {
    writeAt(fd, text, 0);
    setMode(fd, 0o700);
    putInPlace(target, temporary, fromText(`${dumpsFolder}/${scriptName}`));
  } catch (error) {
    unlessRefused(() => remove(place, temporary));
    throw error;
  } finally {
    close(fd);
    target.settle(dumpsFolder, 0o700);
  }
}

const beginning = [
  "#!/bin/sh",
  "# Replays the database dumps in this folder. Shows each command and asks; with --yes, it does not ask.",
  'yes=""',
  'if [ "$1" = --yes ]; then yes=1; fi',
  'cd "$(dirname "$0")" || exit 1',
  "status=0",
  "# Usage: replay FILE COMMAND WORDS, where WORDS say what it is and what is run",
  "replay() {",
  `  printf '%s\\n' "$3"`,
  '  if [ -z "$yes" ]; then',
  "    printf 'Replay it? [y/N] '",
  "    read -r answer || answer=n",
  '    case "$answer" in y|Y|yes) ;; *) return 0 ;; esac',
  "  fi",
  '  sh -c "$2" < "./$1" && return 0',
  `  printf '%s: the command ended with status %s\\n' "$1" "$?" >&2`,
  "  status=1",
  "}",
  "",
];

const end = ["", 'exit "$status"'];

function linesOf({ snapshot, file }: Decision, header: ManifestHeader): string[] {
  const { restore_through: command, exit } = snapshot;
  if (exit !== 0 || command === undefined || command.includes("\0")) return [];
  const words = `${shownDump(snapshot, header)}, through: ${shownCommand(command)}`;
  return [`replay ${quoted(file)} ${quoted(command)} ${quoted(words)}`];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
