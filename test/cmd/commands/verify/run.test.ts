import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { VerifyArgs } from "../../../../cmd/commands/verify/arguments.ts";
import { run } from "../../../../cmd/commands/verify/run.ts";
import { Fixture, file, flipped, folder } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

function argsFor(fixture: Fixture, manifest: string | undefined, more: Partial<VerifyArgs> = {}): VerifyArgs {
  return {
    confDir: fixture.scratch.path,
    name: undefined,
    bucket: `file://${fixture.bucketPath}`,
    manifest,
    all: false,
    readData: undefined,
    live: false,
    html: undefined,
    ...more,
  };
}

const items = [folder("/"), file("/a", "a"), file("/b", "b")];
const key = "manifests/test/20261121T020003Z-0badcafe.jsonl.zst";

describe("sysbackup verify", () => {
  test("the verdict comes first, with the end of the locks", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test"), io)).toBe(0);
    expect(io.lines[0]).toBe("restorable until 2099-01-01 00:00:00 UTC: test of 2026-11-21 02:00:03 UTC");
    expect(io.lines.slice(1)).toEqual([
      expect.stringMatching(
        /^ {2}3 objects \(\d+ B\) that test of 2026-11-21 02:00:03 UTC needs, looked up one by one$/,
      ),
      "  content was not read: --read-data does that",
      "  requests: 2 get, 4 head, 5 list",
    ]);
  });

  test("without a manifest, the newest backup of the configured name is verified", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO({ json: true });
    expect(await run(argsFor(fixture, undefined, { name: "test" }), io)).toBe(0);
    expect(JSON.parse(io.lines.join("\n"))).toMatchObject({
      verdict: "restorable",
      backups: [{ manifest: key, name: "test", state: "restorable", lockedUntil: "2099-01-01T00:00:00.000Z" }],
      findings: [],
      losses: [],
    });
  });

  test("the verdict comes first: damaged, what is lost, then the names, with exit status 4", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(items);
    const [pack] = objects;
    await fixture.lose(pack?.key ?? "");
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test"), io)).toBe(4);
    expect(io.lines[0]).toBe("damaged: 1 object is missing or not as recorded; 2 entries lost in 1 of 1 backup");
    expect(io.lines.slice(4)).toEqual([
      "damaged:",
      `  ${pack?.key} (version ${pack?.version}): it is missing from the bucket`,
      "cannot be restored, or not completely: 2 entries",
      "  /a",
      "  /b",
      "restore these from another backup: `sysbackup list` shows them; new ones may share the damage: see docs/troubleshooting.md",
    ]);
  });

  test("--json has everything in one document", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(items);
    await fixture.lose(objects[0]?.key ?? "");
    const io = fakeIO({ json: true });
    await run(argsFor(fixture, "test"), io);
    expect(JSON.parse(io.lines.join("\n"))).toMatchObject({
      verdict: "damaged",
      found: { damage: 1, promise: 0, note: 0 },
      lost: 2,
      findings: [{ key: objects[0]?.key, severity: "damage", code: "missing" }],
      losses: [
        { path: "/a", entries: 1, backups: 1 },
        { path: "/b", entries: 1, backups: 1 },
      ],
      requests: { get: 3, head: 3 },
    });
  });

  test("text names all findings of an object that has two", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(items, {
      forge: (manifest) => ({
        ...manifest,
        header: { ...manifest.header, retain_until: "2100-01-01T00:00:00.000Z" },
      }),
    });
    await fixture.damage(objects[0]?.key ?? "", flipped);
    const json = fakeIO({ json: true });
    const args = argsFor(fixture, "test", { readData: "" });
    expect(await run(args, json)).toBe(4);
    const io = fakeIO();
    await run(args, io);
    const findings: { key: string; why: string }[] = JSON.parse(json.lines.join("\n")).findings;
    expect(findings.filter(({ key }) => key === objects[0]?.key)).toHaveLength(2);
    for (const { why } of findings) expect(io.lines.join("\n")).toContain(why);
  });

  test("many findings are named up to a bound, and --json names all", async () => {
    await using fixture = await Fixture.open();
    const many = Array.from({ length: 30 }, (_, number) => file(`/f${number + 10}`, `content ${number}`));
    const { objects } = await fixture.backup(many, { encoding: "none" });
    for (const { key } of objects) await fixture.lose(key);
    const io = fakeIO();
    await run(argsFor(fixture, "test"), io);
    expect(io.lines.filter((line) => line === "  and more: --json names all")).toHaveLength(2);
    const json = fakeIO({ json: true });
    await run(argsFor(fixture, "test"), json);
    expect(JSON.parse(json.lines.join("\n")).losses).toHaveLength(30);
  });

  test("a lock that is shorter than promised gives exit status 3", async () => {
    await using fixture = await Fixture.open();
    const forge = (manifest: Parameters<NonNullable<Parameters<Fixture["backup"]>[1]>["forge"] & object>[0]) => ({
      ...manifest,
      header: { ...manifest.header, retain_until: "2100-01-01T00:00:00.000Z" },
    });
    await fixture.backup(items, { forge });
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test"), io)).toBe(3);
    expect(io.lines[0]).toBe(
      "restorable, but not locked as promised: 3 objects; all is locked only until 2099-01-01 00:00:00 UTC",
    );
  });

  test("--all verifies every backup of a name, or of every name, and prints a table", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    await fixture.backup(items, { start: new Date("2026-11-20T02:00:03Z") });
    await fixture.backup(items, { name: "web1" });
    const states = async (manifest: string | undefined) => {
      const io = fakeIO({ json: true });
      expect(await run(argsFor(fixture, manifest, { all: true }), io)).toBe(0);
      return JSON.parse(io.lines.join("\n")).backups.map(({ name }: { name: string }) => name);
    };
    expect(await states("test")).toEqual(["test", "test"]);
    expect(await states(undefined)).toEqual(["test", "test", "web1"]);
    const io = fakeIO();
    await run(argsFor(fixture, undefined, { all: true }), io);
    expect(io.lines[0]).toBe("restorable until 2099-01-01 00:00:00 UTC: 3 backups");
    expect(io.lines.filter((line) => /^(test|web1) +2026-11-2\d .* restorable$/.test(line))).toHaveLength(3);
  });

  test("--all with a name without backups is refused, with the names that there are", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items, { name: "web1" });
    const verified = run(argsFor(fixture, "wbe1", { all: true }), fakeIO());
    await expect(verified).rejects.toThrow('the bucket has backups of web1; did you mean "web1"?');
  });

  test.each(["1/2", "/3", "5%", ""])("--read-data=%p reads and says how much", async (readData) => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test", { readData }), io)).toBe(0);
    expect(io.lines[2]).toMatch(
      /^ {2}\d objects? read and hashed \((all|1\/2|\d\/3|5%)\), \d+ B(; 1 noted for other machines)?$/,
    );
  });

  test.each([
    [{ readData: "8/7" }, "neither a slice, a share nor new"],
    [{ readData: "0%" }, "neither a slice, a share nor new"],
    [{ all: true, manifest: "web1@2026" }, "not a backup name"],
    [{ all: true, live: true }, "one backup only"],
    [{ live: true, readData: "new" }, "reads files"],
    [{ live: true, html: "/x" }, "leave out --html"],
  ] as const)("%p is a usage error", async (wrong, message) => {
    await using fixture = await Fixture.open();
    await expect(run(argsFor(fixture, undefined, wrong), fakeIO())).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining(message),
    });
  });
});

describe("--html", () => {
  const hostile = `/<script>alert("1")</script>'&\u202e`;

  test("--html writes one page that loads and runs nothing, with names escaped", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup([folder("/"), file(hostile, "a")]);
    await fixture.lose(objects[0]?.key ?? "");
    const html = join(fixture.scratch.path, "page.html");
    expect(await run(argsFor(fixture, "test", { html, readData: "" }), fakeIO())).toBe(4);
    const page = await Bun.file(html).text();
    expect(page).toContain("/&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;\\u202e");
    expect(page).not.toMatch(/<script|https?:|<link|<img|url\(|@import| on\w+=| style=/);
    expect(page).toMatch(/http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[^']+'"/);
    const style = /<style>(.*)<\/style>/s.exec(page)?.[1] ?? "";
    expect(page).toContain(`'sha256-${new Bun.CryptoHasher("sha256").update(style).digest("base64")}'`);
    expect(page.match(/<svg /g)).toHaveLength(2);
    expect(page).toContain('<rect class="damaged"');
  });

  test("a page that cannot be written is reported", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const html = join(fixture.scratch.path, "nowhere", "page.html");
    await expect(run(argsFor(fixture, "test", { html }), fakeIO())).rejects.toThrow(
      `cannot write the page ${JSON.stringify(html)}: no such file or directory`,
    );
  });
});
