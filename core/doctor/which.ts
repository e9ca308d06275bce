const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Path of a program as pickers and the service find it; undefined if it is not installed. */
export function which(program: string): string | undefined {
  return Bun.which(program, { PATH: process.env.PATH ?? usualPath }) ?? undefined;
}
