/** Starts every service that this machine can run. */
import { join } from "node:path";
import { reasonOf } from "../../../core/failure.ts";
import type { Addresses } from "./address.ts";
import { cephTools, startCeph } from "./ceph.ts";
import type { Started } from "./daemons.ts";
import { startMoto } from "./moto.ts";

export type Services = { readonly addresses: Addresses; stop(): Promise<void> };

export type ServicesOptions = {
  /** Folder with `moto_server`; undefined where there is none. */
  readonly pythonTools: string | undefined;
  /** Hears why a service is not there. */
  readonly tell: (message: string) => void;
};

/** Never fails: what does not start is told and left out. */
export async function startServices({ pythonTools, tell }: ServicesOptions): Promise<Services> {
  async function attempt<Address>(
    name: string,
    lacks: readonly string[],
    start: () => Promise<Started<Address>>,
  ): Promise<Started<Address> | undefined> {
    if (lacks.length > 0) {
      tell(`no ${name}, because ${lacks.join(", ")} is missing: its tests are skipped`);
      return undefined;
    }
    try {
      return await start();
    } catch (error) {
      tell(`${name} did not start, its tests are skipped: ${reasonOf(error)}`);
      return undefined;
    }
  }
  const motoServer = join(pythonTools ?? "", "moto_server");
  const [ceph, moto] = await Promise.all([
    attempt(
      "Ceph",
      cephTools.filter((tool) => Bun.which(tool) === null),
      startCeph,
    ),
    attempt("moto", pythonTools === undefined ? ["moto_server"] : [], () => startMoto(motoServer)),
  ]);
  return {
    addresses: { ceph: ceph?.address, moto: moto?.address },
    async stop() {
      await Promise.all([ceph?.stop(), moto?.stop()]);
    },
  };
}
