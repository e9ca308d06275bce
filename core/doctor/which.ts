const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where a program is that pickers and the service would find; undefined where it is not installed. */
export function which(program: string): string | undefined {
  return Bun.which(program, { PATH: process.env.PATH ?? usualPath }) ?? undefined;
}
