import { describe, expect, test } from "bun:test";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pickPaths } from "../../../../../core/archive/quilting/pickers/pick.ts";
import { scratch } from "../../../../support/faults/scratch.ts";
import { notebook, script } from "../../scripts.ts";

/** Runs the scripts as pickers; the paths sorted, the notices without the word `picker` repeated. */
async function pick(scripts: Readonly<Record<string, string>>, timeoutMs = 10_000) {
  await using folder = await scratch();
  for (const [name, body] of Object.entries(scripts)) await script(folder.path, name, body);
  const { heard, notify } = notebook();
  const batches = await Array.fromAsync(pickPaths({ folder: folder.path, timeoutMs, notify }));
  return { paths: batches.flat().map(String).sort(), heard };
}

const goodOne = { zgood: "echo /good" };

describe("pickers", () => {
  test("pickers print lines or NUL-separated names, each as it likes", async () => {
    const { paths, heard } = await pick({ lines: "echo /a; echo b/c", nul: String.raw`printf '/d\ne\0/f\0'` });
    expect(paths).toEqual(["/a", "/b/c", "/d\ne", "/f"]);
    expect(heard).toEqual([]);
  });

  test("pickers run side by side", async () => {
    await using meeting = await scratch();
    const meet = (me: string, other: string) =>
      `touch '${meeting.path}/${me}'; until [ -e '${meeting.path}/${other}' ]; do sleep 0.01; done; echo /${me}`;
    expect((await pick({ a: meet("a", "b"), b: meet("b", "a") })).paths).toEqual(["/a", "/b"]);
  });

  test("pickers run in the folder /, which relative names start from", async () => {
    expect((await pick({ here: "pwd; echo etc" })).paths).toEqual(["/", "/etc"]);
  });

  test("spaces and a CR around a line do not count, unless something has that very name", async () => {
    await using files = await scratch();
    for (const name of ["plain", "both", "both ", "only "]) await writeFile(join(files.path, name), "");
    const at = (line: string) => `printf '${line.replaceAll("PLACE", files.path)}\n'`;
    const lines = ["PLACE/plain\\r", "  PLACE/plain", "PLACE/both ", "PLACE/only ", "PLACE/gone \\r", "\\r", " "].map(
      at,
    );
    const { paths } = await pick({ padded: lines.join("\n"), nul: String.raw`printf '${files.path}/plain \0'` });
    const under = (name: string) => `${files.path}/${name}`;
    expect(paths).toEqual(["both ", "gone \r", "only ", "plain", "plain", "plain "].map(under).sort());
  });

  test("a link to a picker works", async () => {
    await using folder = await scratch();
    await using elsewhere = await scratch();
    await script(elsewhere.path, "target", "echo /a");
    await symlink(join(elsewhere.path, "target"), join(folder.path, "link"));
    const batches = await Array.fromAsync(pickPaths({ folder: folder.path, timeoutMs: 10_000, notify: () => {} }));
    expect(batches.flat().map(String)).toEqual(["/a"]);
  });

  test("pickers get no secrets, and what a script needs", async () => {
    process.env.AWS_SECRET_ACCESS_KEY = "not for you";
    try {
      const { paths } = await pick({ env: `env | sed 's/=.*//'; echo "$PATH" | grep -q . && echo path-is-set` });
      expect(paths).toContain("/path-is-set");
      expect(paths).toContain("/HOME");
      expect(paths).not.toContain("/AWS_SECRET_ACCESS_KEY");
    } finally {
      delete process.env.AWS_SECRET_ACCESS_KEY;
    }
  });

  test("words on stderr of a picker that succeeds are information", async () => {
    const { paths, heard } = await pick({ chatty: "echo /a; echo one >&2; echo two >&2" });
    expect(paths).toEqual(["/a"]);
    expect(heard).toEqual([`info picker-said: picker "chatty" said: one; two`]);
  });

  const failures: readonly [name: string, body: string, heard: string][] = [
    ["exits with a status", "echo /a; echo oh no >&2; exit 3", `exited with status 3: oh no`],
    ["is killed", "echo /a; kill -9 $$", `was ended by SIGKILL`],
    ["hangs", "echo /a; exec sleep 60", `was ended after 0.3 s of silence`],
  ];
  test.each(failures)(
    "a picker that %s is a warning; what it printed counts, others go on",
    async (_name, body, message) => {
      const { paths, heard } = await pick({ bad: body, ...goodOne }, 300);
      expect(paths).toEqual(["/a", "/good"]);
      expect(heard).toEqual([`warning picker-failed: picker "bad" ${message}`]);
    },
  );

  test("a picker that hangs is ended with all that it started", async () => {
    await using folder = await scratch();
    const { heard } = await pick({ hangs: `(sleep 60 & echo $! >'${folder.path}/pid'; wait); sleep 60` }, 200);
    expect(heard).toHaveLength(1);
    const pid = Number(await Bun.file(join(folder.path, "pid")).text());
    expect(await alive(pid)).toBe(false);
  });

  test("a picker whose interpreter does not exist is a warning, and others go on", async () => {
    await using folder = await scratch();
    await script(folder.path, "good", "echo /good");
    await writeFile(join(folder.path, "lost"), "#!/no/such/interpreter\n", { mode: 0o755 });
    const { heard, notify } = notebook();
    const batches = await Array.fromAsync(pickPaths({ folder: folder.path, timeoutMs: 10_000, notify }));
    expect(batches.flat().map(String)).toEqual(["/good"]);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toStartWith(`warning picker-failed: picker "lost" exited with status 127: `);
  });

  test("records too long for a path are one warning a picker", async () => {
    const { paths, heard } = await pick({ long: "for i in 1 2; do printf '%5000d\\n' 7; done; echo /a", ...goodOne });
    expect(paths).toEqual(["/a", "/good"]);
    expect(heard).toEqual([
      `warning picker-nonsense: picker "long" printed 2 records longer than the 4095 bytes of a path: "${" ".repeat(60)}…"`,
    ]);
  });

  test("a NUL after many lines is a warning", async () => {
    const { paths, heard } = await pick({ late: "yes /a | head -n 30000; printf '/b\\nc\\0/d\\ne\\0'" });
    expect(paths.filter((path) => path !== "/a")).toEqual(["/b", "/c", "/d\ne"]);
    expect(heard).toEqual([
      `warning picker-nonsense: picker "late" printed a NUL only after many lines: names before it were cut at newlines`,
    ]);
  });

  test("binary rubbish does no harm", async () => {
    const { paths } = await pick({ rubbish: "head -c 1000000 /dev/urandom", ...goodOne });
    expect(paths).toContain("/good");
    expect(paths.every((path) => path.startsWith("/") && path.length <= 4095 && !path.includes("\0"))).toBe(true);
  });

  test("pickers wait for a slow reader, and are not ended for that", async () => {
    await using folder = await scratch();
    await script(folder.path, "much", "seq 1 300000");
    const { heard, notify } = notebook();
    let count = 0;
    const timeoutMs = 1_000;
    for await (const batch of pickPaths({ folder: folder.path, timeoutMs, notify })) {
      if (count === 0) await Bun.sleep(timeoutMs + 200);
      count += batch.length;
    }
    expect(count).toBe(300_000);
    expect(heard).toEqual([]);
  });

  test("pickers are ended when the reader leaves", async () => {
    await using folder = await scratch();
    await script(folder.path, "endless", `echo $$ >'${folder.path}/.pid'; exec yes /a`);
    await script(folder.path, "silent", `echo $$ >'${folder.path}/.pid2'; exec sleep 60`);
    const files = [".pid", ".pid2"];
    for await (const _batch of pickPaths({ folder: folder.path, timeoutMs: 60_000, notify: () => {} })) {
      for (const file of files) while (!(await isWritten(join(folder.path, file)))) await Bun.sleep(5);
      break;
    }
    for (const file of files) {
      expect(await alive(Number(await Bun.file(join(folder.path, file)).text()))).toBe(false);
    }
  });

  test("pickers are ended by the signal, whose reason is thrown", async () => {
    await using folder = await scratch();
    await script(folder.path, "endless", `echo $$ >'${folder.path}/.pid'; exec yes /a`);
    const abort = new AbortController();
    const { heard, notify } = notebook();
    const reading = async () => {
      for await (const _batch of pickPaths({ folder: folder.path, timeoutMs: 60_000, notify, signal: abort.signal }))
        abort.abort(new Error("enough"));
    };
    expect(reading()).rejects.toThrow("enough");
    await reading().catch(() => {});
    expect(await alive(Number(await Bun.file(join(folder.path, ".pid")).text()))).toBe(false);
    expect(heard).toEqual([]);
  });
});

async function isWritten(path: string): Promise<boolean> {
  const text = await Bun.file(path)
    .text()
    .catch(() => "");
  return text.endsWith("\n");
}

/** Whether the process still runs; one that has ended may need a moment to be gone. */
async function alive(pid: number): Promise<boolean> {
  for (let i = 0; i < 100; i += 1) {
    const state = await Bun.file(`/proc/${pid}/stat`)
      .text()
      .then((stat) => stat.split(") ")[1]?.[0])
      .catch(() => undefined);
    if (state === undefined || state === "Z") return false;
    await Bun.sleep(10);
  }
  return true;
}
