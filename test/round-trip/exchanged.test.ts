/** A user attacks hundreds of backups by exchanging folders, links and fifos while they are made. */
import { describe, expect } from "bun:test";
import { execFileSync } from "node:child_process";
import { lchownSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attacker, canAttack, exchanging, watchOpens } from "../core/archive/quilting/attacker.ts";
import { expectInnocent, neighbours, usersEntries } from "../core/archive/quilting/neighbours.ts";
import { script } from "../core/archive/scripts.ts";
import { attack } from "../support/attack.ts";
import { full } from "../support/full.ts";

/** Backups beside an attack. In each, the names are exchanged many times: most of those that an attack can spoil, it spoils. */
const backups = full ? 200 : 40;

describe.skipIf(!canAttack)("a user who exchanges names while backups are made", () => {
  const names = Array.from({ length: 30 }, (_, number) => String(number));

  attack(
    {
      by: "U",
      what: "a folder is exchanged with a link to a private one, all the time, during tens or hundreds of backups",
      before: "secrets stored",
      now: "none is stored under the user's path",
    },
    async () => {
      await using rig = await neighbours(names);
      symlinkSync(rig.file("private"), rig.file("user/l"));
      lchownSync(rig.file("user/l"), attacker.uid, attacker.gid);
      await using _ = await exchanging(rig.file("user/d"), rig.file("user/l"));
      let kept = 0;
      for (let run = 0; run < backups; run += 1) {
        const result = await rig.run();
        await expectInnocent(rig, result);
        kept += (await usersEntries(rig, result.backup)).length;
      }
      // The attack spoils backups of his own files; not all of them, or nothing was tried here.
      expect(kept).toBeGreaterThan(2 * backups);
    },
  );

  attack(
    {
      by: "U",
      what: "a folder of fifos and links is exchanged with a link to a private one",
      before: "attributes of other files stored",
      now: "none is stored",
    },
    async () => {
      await using rig = await neighbours([]);
      for (const name of names) {
        writeFileSync(rig.file("private", name), "a secret of root", { mode: 0o600 });
        execFileSync("setfattr", ["-n", "user.secret", "-v", "x", rig.file("private", name)]);
        if (Number(name) % 2 === 0) execFileSync("mkfifo", ["-m", "644", rig.file("user/d", name)]);
        else symlinkSync("nowhere", rig.file("user/d", name));
        lchownSync(rig.file("user/d", name), attacker.uid, attacker.gid);
      }
      await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("user")}'`);
      symlinkSync(rig.file("private"), rig.file("user/l"));
      lchownSync(rig.file("user/l"), attacker.uid, attacker.gid);
      await using _ = await exchanging(rig.file("user/d"), rig.file("user/l"));
      for (let run = 0; run < backups; run += 1) await expectInnocent(rig, await rig.run());
    },
  );

  attack(
    {
      by: "U",
      what: "a file is exchanged with a link to a secret",
      before: "secret stored",
      now: "none is stored under the user's path",
    },
    async () => {
      await using rig = await neighbours(["f"]);
      symlinkSync(rig.file("private/f"), rig.file("user/d/l"));
      lchownSync(rig.file("user/d/l"), attacker.uid, attacker.gid);
      await using _ = await exchanging(rig.file("user/d/f"), rig.file("user/d/l"));
      for (let run = 0; run < backups; run += 1) await expectInnocent(rig, await rig.run());
    },
  );

  attack(
    { by: "U", what: "a file is exchanged with a fifo", before: "fifo opened", now: "it is never opened" },
    async () => {
      await using rig = await neighbours(["f"]);
      execFileSync("mkfifo", ["-m", "644", rig.file("user/d/p")]);
      lchownSync(rig.file("user/d/p"), attacker.uid, attacker.gid);
      const opens = await watchOpens(rig.file("user/d/p"));
      {
        await using _ = await exchanging(rig.file("user/d/f"), rig.file("user/d/p"));
        for (let run = 0; run < backups; run += 1) await expectInnocent(rig, await rig.run());
      }
      expect(await opens()).toBe(0);
    },
  );
});
