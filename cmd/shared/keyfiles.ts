/** Keyfiles of sealed bundles: that of the command line, and those that conf names and this machine has. */
import { existsSync } from "node:fs";
import type { Config } from "../../core/config/config.ts";
import { usePassword } from "../../core/format/codecs/openssl.ts";
import type { Notify } from "../../core/notice.ts";
import { readKeyfile } from "../../core/system/trust/keyfile.ts";

/** Opens sealed bundles with them, until the program ends. Throws a Failure for one on the command line that is refused. */
export async function useKeyfiles({ bundles }: Config, given: string | undefined, notify: Notify): Promise<void> {
  const configured = new Set(bundles.flatMap(({ keyfile }) => keyfile ?? []));
  for (const path of configured) {
    if (path === given || !existsSync(path)) continue;
    try {
      usePassword(await readKeyfile(path));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      notify({ level: "warning", code: "keyfile-refused", message: error.message });
    }
  }
  if (given !== undefined) usePassword(await readKeyfile(given));
}
