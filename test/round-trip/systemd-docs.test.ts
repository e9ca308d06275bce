/** Checks that the examples of `docs/systemd.md` work as they are. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compiledProgram } from "../support/compiled.ts";
import { has } from "../support/services.ts";
import { dropIn, install, installUnits, logOf, program, reload, start } from "../support/systemd/installed.ts";
import { bootSystemd, canBootSystemd, type SystemdHost } from "../support/systemd.ts";

const minutes = 60_000;
const page = await readFile(join(import.meta.dir, "../../docs/systemd.md"), "utf8");
const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text = ""]) => ({ language, text }));

const dropIns = blocks.flatMap(({ language, text }) => {
  const [, unit] = /^# systemctl edit (\S+)\n/.exec(text) ?? [];
  return language === "ini" && unit !== undefined ? [{ unit, text }] : [];
});

describe.skipIf(!canBootSystemd)("docs/systemd.md", () => {
  beforeAll(() => compiledProgram(), 5 * minutes);

  async function booted(sections = {}): Promise<SystemdHost> {
    const host = await bootSystemd();
    await install(host, { sections, pickers: { one: "echo /etc/hostname" } });
    await installUnits(host, { role: "audit", unit: "sysbackup-verify" });
    await installUnits(host, { role: "reader", unit: "sysbackup-read" });
    await installUnits(host, { role: "steward", unit: "sysbackup-prune" });
    return host;
  }

  test("systemd accepts each drop-in of docs/systemd.md without a message", async () => {
    expect(dropIns.length).toBeGreaterThan(5);
    await using host = await booted();
    await host.run(["install", "-m", "755", "/dev/null", "/etc/backup/on-failure"]);
    for (const [index, { unit, text }] of dropIns.entries()) await dropIn(host, unit, `${index}`, text);
    for (const unit of new Set(dropIns.map(({ unit }) => unit))) {
      const verified = await host.run(["systemd-analyze", "verify", `/etc/systemd/system/${unit}`]);
      expect(verified).toEqual({ exit: 0, stdout: "", stderr: "" });
    }
  });

  test("systemd runs the window, rules and renewal of docs/systemd.md", async () => {
    await using host = await booted();
    await start(host, "sysbackup-archive.service");
    for (const [index, { unit, text }] of dropIns.entries()) {
      await dropIn(host, unit, `${index}`, text.replace("renew web1", "renew test"));
    }
    await reload(host);
    const timers = await host.run(["systemctl", "show", "sysbackup-archive.timer"]);
    expect(timers.stdout).toMatch(/^TimersCalendar=\{ OnCalendar=\*-\*-\* 22:30:00 ; /m);
    expect(timers.stdout.match(/^TimersCalendar=/gm)).toHaveLength(1);
    expect(timers.stdout).toContain("RandomizedDelayUSec=3h\n");

    const pruned = await start(host, "sysbackup-prune.service");
    expect(pruned.exit).toBe(0);
    expect(pruned.log).toContain("locks extended");
    const verified = await start(host, "sysbackup-verify.service");
    expect(verified.log).toContain("restorable");
    expect(verified.exit).toBe(0);
  });

  test.skipIf(!has("curl"))("the hook of docs/systemd.md mails the journal of the service that failed", async () => {
    const hook = blocks.find(({ text }) => text.includes("/etc/backup/on-failure\n{"))?.text ?? "";
    expect(hook).toStartWith("#!/bin/sh\n");
    await using host = await booted({ s3: { bucket: "file:///nonexistent/bucket" } });
    using server = mailServer();
    const port = `smtp://localhost:${server.port}`;
    await writeFile(host.path("/etc/backup/on-failure"), hook.replace("smtp://localhost", port), { mode: 0o755 });
    await start(host, "sysbackup-archive.service");
    const mail = await Promise.race([server.mail, Bun.sleep(20_000)]);
    expect({ mail, log: await logOf(host, "sysbackup-failed@sysbackup-archive.service.service") }).toMatchObject({
      mail: expect.stringMatching(/^Subject: sysbackup-archive\.service failed on .*file:\/\/\/nonexistent\/bucket/ms),
    });
  });

  test("docs/systemd.md has the path of the program that tests install", () => {
    expect(page).toContain(`ExecStart=${program} renew`);
  });
});

/** Takes one mail, as a server on the machine would. */
function mailServer() {
  const { promise, resolve } = Promise.withResolvers<string>();
  const listener = Bun.listen<{ received: string; body: boolean }>({
    hostname: "localhost",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { received: "", body: false };
        socket.write("220 test\r\n");
      },
      data(socket, bytes) {
        const state = socket.data;
        state.received += bytes.toString();
        for (let end = lineEnd(state); end > 0; end = lineEnd(state)) {
          const part = state.received.slice(0, end);
          state.received = state.received.slice(end);
          if (state.body) resolve(part);
          state.body = part.startsWith("DATA");
          socket.write(state.body ? "354 go on\r\n" : "250 good\r\n");
        }
      },
    },
  });
  return { port: listener.port, mail: promise, [Symbol.dispose]: () => listener.stop(true) };
}

/** The end of the received command or mail; 0 if it has not ended. */
function lineEnd({ received, body }: { readonly received: string; readonly body: boolean }): number {
  const mark = body ? "\r\n.\r\n" : "\r\n";
  const at = received.indexOf(mark);
  return at < 0 ? 0 : at + mark.length;
}
