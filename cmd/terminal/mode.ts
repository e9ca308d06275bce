/** Formats permissions as `ls -l` does. */

const letters = {
  folder: "d",
  file: "-",
  link: "l",
  fifo: "p",
  "character device": "c",
  "block device": "b",
} as const;

/** `-rw-r--r--`, `drwxrwsr-t`. `mode`: permission bits with setuid, setgid and sticky. */
export function modeText(type: keyof typeof letters, mode: number): string {
  const [setuid, setgid, sticky] = [mode & 0o4000, mode & 0o2000, mode & 0o1000];
  return [
    letters[type],
    triple(mode >> 6, setuid === 0 ? "" : "s"),
    triple(mode >> 3, setgid === 0 ? "" : "s"),
    triple(mode, sticky === 0 ? "" : "t"),
  ].join("");
}

function triple(bits: number, special: string): string {
  const mayRun = (bits & 1) !== 0;
  const last = special === "" ? (mayRun ? "x" : "-") : mayRun ? special : special.toUpperCase();
  return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${last}`;
}
