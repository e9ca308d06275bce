/** Attacks on sealed backups. */
import { expect } from "bun:test";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeManifest } from "../../../core/format/manifest/manifest.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { readManifest } from "../../../core/manifest/read.ts";
import { openWith, sealFor } from "../../../core/sealing/use.ts";
import { attack } from "../../support/attack.ts";
import { SealedRig, tools } from "./rig.ts";

const quiet = () => {};

attack(
  {
    by: "H",
    what: "the whole disk of a machine with sealed backups, its credentials, recipients and secret, to read an earlier backup",
    before: "nothing was sealed: who could read the bucket read everything",
    now: "nothing on the disk opens it",
  },
  async () => {
    await using sealed = await SealedRig.make();
    const { rig } = sealed;
    await rig.write("file", "what was there yesterday");
    const conf = await mkdtemp(join(rig.path, "conf-"));
    await writeFile(join(conf, "recipients"), `${sealed.recipient}\n`);
    await writeFile(join(conf, "secret"), sealed.keyed.mark);
    using _sealing = await sealFor([sealed.recipient], quiet);
    await sealed.archive();
    const disk = [conf, join(rig.path, "state"), join(rig.path, "pickers.d")];
    let tried = 0;
    for (const folder of disk)
      for (const name of await readdir(folder)) {
        tried += 1;
        const use = async () => {
          using _opening = await openWith(join(folder, name), tools);
          await sealed.manifest();
        };
        await expect(use()).rejects.toThrow();
      }
    expect(tried).toBeGreaterThan(3);
    using _opening = await openWith(sealed.identityFile, tools);
    expect((await (await sealed.restored()).read("file")).toString()).toBe("what was there yesterday");
  },
);

attack(
  {
    by: "H",
    what: "a new root that refers to the sealed root of an earlier backup, to bring old files back as new ones",
    before: "possible by the format if the two roots are not compared: never released",
    now: "refused: the sealed root is of another backup",
  },
  async () => {
    await using sealed = await SealedRig.make();
    const { rig } = sealed;
    await rig.write("file", "old");
    using _sealing = await sealFor([sealed.recipient], quiet);
    const { summary: old } = await sealed.archive();
    await rig.write("file", "new");
    const { summary: recent } = await sealed.archive();
    using _opening = await openWith(sealed.identityFile, tools);
    const { bucket, now } = rig;
    const [first, second] = await Promise.all([readManifest(bucket, old), readManifest(bucket, recent)]);
    const forged = { ...second, header: { ...second.header, sealing: first.header.sealing } };
    const file = join(rig.path, "forged.jsonl.zst");
    await writeFile(file, Bun.zstdCompressSync(Buffer.from(encodeManifest(forged))));
    const found = await findManifest(bucket, file, { now, notify: quiet });
    await expect(openManifest(bucket, found, { notify: quiet })).rejects.toThrow(
      "it is the sealed root of another backup",
    );
    const genuine = join(rig.path, "genuine.jsonl.zst");
    await writeFile(genuine, Bun.zstdCompressSync(Buffer.from(encodeManifest(second))));
    const benign = await openManifest(bucket, await findManifest(bucket, genuine, { now, notify: quiet }), {
      notify: quiet,
    });
    expect(benign.header.run).toBe(second.header.run);
  },
);
