import { expect, test } from "bun:test";
import type { Notice } from "../../../core/notice.ts";
import { writeTar } from "../../../restore/browse/tar.ts";
import { dryRun } from "../../../restore/dry-run.ts";
import { BoundedNotices } from "../../../restore/report/bounded-notices.ts";
import { Report } from "../../../restore/report/report.ts";
import { Fixture, file, folder } from "../support.ts";

test("a thousand notices of each kind are passed on, and the rest are counted at the end", () => {
  const heard: Notice[] = [];
  const notices = new BoundedNotices((notice) => heard.push(notice));
  for (let number = 0; number < 1_200; number += 1)
    notices.notify({ level: "error", code: "path-taken", message: `number ${number}` });
  for (let number = 0; number < 1_000; number += 1) notices.notify({ level: "info", code: "salvaged", message: "one" });
  expect(heard).toHaveLength(2_001);
  expect(heard[1_000]?.message).toBe("there are more of the kind path-taken, which are counted, but not listed");
  notices.end();
  notices.end();
  expect(heard.slice(2_001)).toEqual([
    {
      level: "error",
      code: "path-taken",
      message: "200 more of the kind path-taken were counted, but not listed: --report FILE lists what is lost",
    },
  ]);
});

const count = 1_500;
/** Files of as many folders, which have one name without them. */
const colliding = Array.from({ length: count }, (_, number) => number.toString().padStart(4, "0")).flatMap((name) => [
  folder(`/${name}`),
  file(`/${name}/same`, name),
]);

const taken = ({ code }: Notice) => code === "path-taken";

test("names that collide by --strip-components are bounded in a restore, and the figures and the report have all", async () => {
  await using fixture = await Fixture.open();
  const lost: string[] = [];
  const journal = { did() {}, lacks() {}, salvaged() {}, lost: (code: string) => lost.push(code) };
  const figures = await fixture.restore(await fixture.backup(colliding), { strip: 1, journal });
  expect(figures.errors).toBe(count - 1);
  expect(lost.filter((code) => code === "path-taken")).toHaveLength(count - 1);
  const said = fixture.notices.filter(taken);
  expect(said).toHaveLength(1_002);
  expect(said.at(-1)?.message).toStartWith("499 more of the kind path-taken were counted");
});

test("names that collide are bounded in a dry run and in a tar, too", async () => {
  await using fixture = await Fixture.open();
  const { manifest } = await fixture.backup(colliding);
  const signal = new AbortController().signal;
  const { bucket, target } = fixture;
  const dry: Notice[] = [];
  const options = { bucket, manifest, target, paths: [], numericOwner: false, signal, strip: 1 };
  await dryRun({ ...options, notify: (notice) => dry.push(notice), onProspect: () => {} });
  expect(dry.filter(taken)).toHaveLength(1_002);
  const tar: Notice[] = [];
  const report = new Report((notice) => tar.push(notice));
  await writeTar({ bucket, manifest, paths: [], strip: 1, report, write: () => {}, signal });
  report.end();
  expect(tar.filter(taken)).toHaveLength(1_002);
});
