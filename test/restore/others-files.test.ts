/** Files, links and fifos that another user has put into a target, to have them when they are root's: none is. Each attack has a twin that works. */
import { describe, expect, test } from "bun:test";
import { chmodSync, lstatSync, writeFileSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { attack } from "../support/attack.ts";
import { run } from "../support/services/command.ts";
import { accomplice, give, inodeOf, mayAct, modeOf, neighbour, openFixture, root } from "./neighbour.ts";
import { fifo, file, folder, link } from "./support.ts";

/** Keeps a descriptor and a mapping of a file, and writes through both when asked to. */
const keepsFileOpen = `
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
mapped = mmap.mmap(fd, 4)
print("ready")
input()
mapped[0:4] = b"evil"
mapped.flush()
os.pwrite(fd, b"EVIL", 4)
`;

describe.skipIf(!mayAct)("a file of another user in the place of root's", () => {
  const content = "#!/bin/sh\nexec true\n";

  const copies = [
    ["the user's, with the very content and times", neighbour, 0o755, 0o4755],
    ["root's, that its group can write to", { uid: 0, gid: neighbour.gid }, 0o664, 0o644],
    ["root's, that anybody can write to", root, 0o666, 0o600],
  ] as const;
  for (const [variant, owner, before, wanted] of copies)
    attack(
      {
        by: "U",
        what: "a user's copy of `su`, mapped and open for writing",
        before: "became root's, setuid, then rewritten",
        now: "it is made again",
      },
      async () => {
        await using fixture = await openFixture();
        const backup = await fixture.backup([folder("/"), file("/su", content, { owner: root, mode: wanted })]);
        await mkdir(fixture.target);
        writeFileSync(fixture.at("/su"), content);
        give(fixture.at("/su"), owner, before);
        await using attacker = await accomplice(keepsFileOpen, fixture.at("/su"));
        const figures = await fixture.restore(backup);
        await attacker.goOn();
        expect(figures).toMatchObject({ files: 1, unchanged: 0 });
        expect(await fixture.read("/su")).toBe(content);
        expect(modeOf(fixture.at("/su"))).toBe(wanted);
        expect(lstatSync(fixture.at("/su")).uid).toBe(0);
        expect(fixture.complaints).toEqual([]);
      },
      { variant },
    );

  attack(
    {
      by: "U",
      what: "a program of root's that lost only its setuid bit, still mapped by a user",
      before: "kept",
      now: "it is made again",
    },
    async () => {
      await using fixture = await openFixture();
      const backup = await fixture.backup([folder("/"), file("/su", content, { owner: root, mode: 0o4755 })]);
      await fixture.restore(backup);
      chmodSync(fixture.at("/su"), 0o755);
      const before = inodeOf(fixture.at("/su"));
      expect(await fixture.restore(backup)).toMatchObject({ files: 1 });
      expect(modeOf(fixture.at("/su"))).toBe(0o4755);
      expect(inodeOf(fixture.at("/su"))).not.toBe(before);
    },
  );

  attack(
    { by: "U", what: "a file of root's that others can write to by ACL", before: "kept", now: "it is made again" },
    async () => {
      await using fixture = await openFixture();
      const backup = await fixture.backup([folder("/"), file("/x", content, { owner: root, mode: 0o640 })]);
      await fixture.restore(backup);
      await Bun.$`setfacl -m user:${neighbour.uid}:rw- ${fixture.at("/x")}`;
      await using attacker = await accomplice(keepsFileOpen, fixture.at("/x"));
      await fixture.restore(backup);
      await attacker.goOn();
      expect(await fixture.read("/x")).toBe(content);
      expect(await Bun.$`getfacl -cpE ${fixture.at("/x")}`.text()).not.toContain("65534");
    },
  );

  test("twin: root's own, with wrong mode and times, is corrected and stays the same file", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup([folder("/"), file("/x", content, { owner: root, mode: 0o640 })]);
    await fixture.restore(backup);
    chmodSync(fixture.at("/x"), 0o4600);
    const before = inodeOf(fixture.at("/x"));
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, bytes: 0 });
    expect(inodeOf(fixture.at("/x"))).toBe(before);
    expect(modeOf(fixture.at("/x"))).toBe(0o640);
  });

  test("twin: his own that the backup says is his is corrected and stays the same file", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup([folder("/"), file("/x", content, { owner: neighbour, mode: 0o600 })]);
    await fixture.restore(backup);
    chmodSync(fixture.at("/x"), 0o644);
    const before = inodeOf(fixture.at("/x"));
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, bytes: 0 });
    expect(inodeOf(fixture.at("/x"))).toBe(before);
  });

  test("twin: one that others may write to, and that the backup has like that, is left alone", async () => {
    await using fixture = await openFixture();
    const owner = { ...root, gid: neighbour.gid };
    const backup = await fixture.backup([folder("/"), file("/x", content, { owner, mode: 0o664 })]);
    await fixture.restore(backup);
    expect(await fixture.restore(backup)).toMatchObject({ files: 0, unchanged: 1 });
  });
});

describe.skipIf(!mayAct)("links and fifos of another user", () => {
  test("links and fifos of another user are made again, and what he holds of them is his as before", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), fifo("/p", { owner: root }), link("/l", "x", { owner: root })];
    const backup = await fixture.backup(items);
    await mkdir(fixture.target);
    await Bun.$`mkfifo ${fixture.at("/p")}`;
    await symlink("x", fixture.at("/l"));
    for (const name of ["/p", "/l"]) await Bun.$`chown -h 65534:65534 ${fixture.at(name)}`;
    const before = ["/p", "/l"].map((name) => inodeOf(fixture.at(name)));
    expect(await fixture.restore(backup)).toMatchObject({ nodes: 1, links: 1, unchanged: 0 });
    for (const [number, name] of ["/p", "/l"].entries()) {
      expect(inodeOf(fixture.at(name))).not.toBe(before[number]);
      expect(lstatSync(fixture.at(name)).uid).toBe(0);
    }
  });

  test("twin: those of the right owner are corrected and stay", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), fifo("/p", { owner: root }), link("/l", "x", { owner: root })];
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    await run(["touch", "-h", fixture.at("/l"), fixture.at("/p")]);
    const before = ["/p", "/l"].map((name) => inodeOf(fixture.at(name)));
    expect(await fixture.restore(backup)).toMatchObject({ nodes: 1, links: 1, unchanged: 0 });
    expect(["/p", "/l"].map((name) => inodeOf(fixture.at(name)))).toEqual(before);
  });
});
