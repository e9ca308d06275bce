/** Starts every service that this machine can run. */
import { join } from "node:path";
import { reasonOf } from "../../../core/failure.ts";
import type { Addresses } from "./address.ts";
import { startCeph } from "./ceph.ts";
import type { Started } from "./daemons.ts";
import { startMoto } from "./moto.ts";

export type Services = { readonly addresses: Addresses; stop(): Promise<void> };

export type ServicesOptions = {
  /** Folder that the services write to. */
  readonly folder: string;
  /** Folder with a `python` that has moto; undefined if there is none. */
  readonly pythonTools: string | undefined;
  /** Hears why a service is not there. */
  readonly tell: (message: string) => void;
  /** Stops starting. */
  readonly signal: AbortSignal;
};

/** Starts the services. Never fails: a service that does not start is reported and left out. */
export async function startServices({ folder, pythonTools, tell, signal }: ServicesOptions): Promise<Services> {
  const attempt = <Address>(name: string, starting: Promise<Started<Address>>) =>
    starting.catch((error: unknown) => tell(`${name} is not there, its tests are skipped: ${reasonOf(error)}`));
  const [ceph, moto] = await Promise.all([
    attempt("Ceph", startCeph({ folder, signal })),
    pythonTools === undefined ? undefined : attempt("moto", startMoto(join(pythonTools, "python"), { folder, signal })),
  ]);
  return {
    addresses: { ceph: ceph?.address, moto: moto?.address },
    async stop() {
      await Promise.all([ceph?.stop(), moto?.stop()]);
    },
  };
}
