import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Noise } from "./bytes.ts";
import type { Data } from "./data.ts";

const threads = 800;
const mailsInEach = 25;
const attachment = 96 * 1024;

/** Each mail quotes all before it; each tenth thread carries one attachment along. */
async function writeThread(folder: string, thread: number, noise: Noise): Promise<void> {
  const enclosed = thread % 10 === 0 ? noise.bytes(attachment).toString("base64") : "";
  let quoted = "";
  for (let mail = 0; mail < mailsInEach; mail += 1) {
    const head = `From: user${noise.below(500)}@example.org\nMessage-ID: <${noise.bytes(12).toString("hex")}>\nSubject: Re: ${thread}\n\n`;
    const body = Array.from({ length: 6 }, () => noise.bytes(30).toString("base64")).join("\n");
    await writeFile(join(folder, `${thread}.${mail}.eml`), `${head}${body}\n${quoted}\n${enclosed}`);
    quoted = `${body}\n${quoted}`.replace(/^/gm, "> ").slice(0, 12_000);
  }
}

export const mail: Data = {
  name: "mail",
  about: "20,000 mails in 800 threads, in which each mail quotes those before it: many files that are nearly the same",
  async make(folder) {
    const noise = new Noise("mail");
    for (let box = 0; box < 8; box += 1) await mkdir(join(folder, `box${box}`));
    for (let thread = 0; thread < threads; thread += 1)
      await writeThread(join(folder, `box${thread % 8}`), thread, noise);
  },
};
