/**
 * The life of a machine's files: what happens to them on a day, the same for the same seed. They are some MiB, of which
 * about one in twenty is new each day, and one in ten where there is a database (counted by whole files).
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { noise } from "../core/archive/noise.ts";
import { Chance } from "./random.ts";

const KiB = 1024;
const folders = ["etc", "home/ann", "home/ann/letters", "home/bob", "srv"] as const;
const filesAtFirst = 40;
/** Kept about there: a machine gains and loses files. */
const mostFiles = 60;
const logs = ["var/log/mail", "var/log/http", "var/log/cron"] as const;
const longestLog = 64 * KiB;
const systemFiles = 25;

export type LifeParts = {
  readonly folder: string;
  readonly seed: number;
  readonly databaseBytes: number;
};

export class Life {
  readonly #parts: LifeParts;

  readonly #chance: Chance;
  #made = 0;

  constructor(parts: LifeParts) {
    this.#parts = parts;

    this.#chance = new Chance(parts.seed);
  }

  begin(time: Date): void {
    for (let file = 0; file < filesAtFirst; file += 1) this.#create(time);
    this.#put("etc/empty", new Uint8Array(), time);
    symlinkSync("../home/ann", this.#at("etc/owner"));
    for (const log of logs) this.#put(log, noise(this.#chance.whole(10, 60) * KiB, this.#seed()), time);
    if (this.#parts.databaseBytes > 0) this.#put("srv/database", noise(this.#parts.databaseBytes, this.#seed()), time);
  }

  /** The system's own files: the same on all machines that have this release. */
  install(release: number, time: Date): void {
    const chance = new Chance(release);
    for (let file = 0; file < systemFiles; file += 1) {
      // Each release has a third of its files for itself, and installs all of them again.
      const content = chance.once(3) ? release * systemFiles + file : file;
      this.#put(`usr/lib/file ${file}`, noise(new Chance(content).whole(1, 60) * KiB, content), time);
    }
  }

  /** An ordinary day, with a big change now and then. */
  day(time: Date): void {
    const chance = this.#chance;
    for (let edits = chance.whole(0, 2); edits > 0; edits -= 1) this.#edit(time);
    for (const log of logs) this.#grow(log, time);
    if (chance.once(2)) this.#create(time);
    if (chance.once(2) || this.#files().length > mostFiles) this.#delete();
    if (chance.once(5)) this.#rename();
    if (chance.once(70)) this.#renameFolder();
    if (chance.once(60)) for (let edits = 18; edits > 0; edits -= 1) this.#edit(time);
    if (this.#parts.databaseBytes > 0 && chance.once(5)) this.#writeWithin("srv/database", time);
  }

  #create(time: Date): void {
    const name = `${this.#chance.pick(folders)}/file ${this.#made}`;
    this.#made += 1;
    this.#put(name, this.#content(), time);
  }

  #edit(time: Date): void {
    const file = this.#chance.pick(this.#files());
    if (file !== undefined) this.#put(file, this.#content(), time);
  }

  /** Mostly small, as files are. */
  #content(): Uint8Array {
    const chance = this.#chance;
    const size = chance.once(8) ? chance.whole(30 * KiB, 200 * KiB) : chance.whole(0, 20 * KiB);
    return noise(size, this.#seed());
  }

  #grow(log: string, time: Date): void {
    const path = this.#at(log);
    if (statSync(path).size > longestLog) {
      renameSync(path, `${path}.1`);
      this.#put(log, new Uint8Array(), time);
    }
    appendFileSync(path, noise(this.#chance.whole(1, 4) * KiB, this.#seed()));
    utimesSync(path, time, time);
  }

  #writeWithin(name: string, time: Date): void {
    const file = openSync(this.#at(name), "r+");
    try {
      const at = this.#chance.whole(0, this.#parts.databaseBytes - 4 * KiB);
      writeSync(file, noise(4 * KiB, this.#seed()), 0, 4 * KiB, at);
    } finally {
      closeSync(file);
    }
    utimesSync(this.#at(name), time, time);
  }

  #delete(): void {
    const file = this.#chance.pick(this.#files());
    if (file !== undefined) rmSync(this.#at(file));
  }

  #rename(): void {
    const file = this.#chance.pick(this.#files());
    if (file !== undefined) renameSync(this.#at(file), this.#at(`${this.#chance.pick(folders)}/moved ${this.#made++}`));
  }

  #renameFolder(): void {
    const [from, to] = [this.#at("home/ann/letters"), this.#at("home/bob/old letters")];
    if (!existsSync(from)) return;
    rmSync(to, { recursive: true, force: true });
    renameSync(from, to);
    mkdirSync(from);
  }

  /** Files of its users, sorted: logs and system files have a life of their own. */
  #files(): string[] {
    return folders
      .flatMap((folder) =>
        readdirSync(this.#at(folder), { withFileTypes: true })
          .filter((item) => item.isFile() && item.name !== "database")
          .map(({ name }) => `${folder}/${name}`),
      )
      .sort();
  }

  /** Written as careful programs do it, every other time: a new file in the place of the old one. */
  #put(name: string, bytes: Uint8Array, time: Date): void {
    const path = this.#at(name);
    mkdirSync(dirname(path), { recursive: true });
    const written = this.#chance.once(2) ? path : `${path}.new`;
    writeFileSync(written, bytes);
    if (written !== path) renameSync(written, path);
    utimesSync(path, time, time);
  }

  #seed(): number {
    return this.#chance.whole(0, 2 ** 31);
  }

  #at(name: string): string {
    return join(this.#parts.folder, name);
  }
}
