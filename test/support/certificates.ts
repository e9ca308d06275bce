/** Certificates for servers of tests. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import { run } from "./services/command.ts";

export type TestCertificate = { readonly key: string; readonly cert: string };

/** A certificate for one host name, signed by itself, so that it is its own authority. */
export async function selfSigned(host: string): Promise<TestCertificate> {
  await using folder = await scratch();
  const [key, cert] = [join(folder.path, "key"), join(folder.path, "cert")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const named = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
  await run(["openssl", "req", ...kind, ...named, "-keyout", key, "-out", cert]);
  return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
}
