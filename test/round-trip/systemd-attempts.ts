/** What a picker may try, and whether it succeeds within the service. Without the service, root can do all of it. */

export type Attempt = { readonly name: string; readonly command: string; readonly allowed: boolean };

const python = (code: string) => `python3 -c '${code}'`;
/** EPERM is how a filtered call fails; the kernel itself finds other faults with this one. */
const loadModule = `import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 175, "aarch64": 105}[os.uname().machine]
libc.syscall(number, 0, 0, b"")
raise SystemExit(ctypes.get_errno() == 1)`.replaceAll('"', '\\"');

const refused: Readonly<Record<string, string>> = {
  "write to /etc": "touch /etc/attempt",
  "write to a home": "touch /root/attempt",
  "write to what it backs up": "touch /srv/tree/attempt",
  "write to /usr": "touch /usr/local/attempt",
  "become another user": "setpriv --reuid=65534 --clear-groups true",
  "give a file away": "touch /tmp/gift && chown daemon /tmp/gift",
  "make a program that runs as its owner": "cp /bin/true /tmp/program && chmod u+s /tmp/program",
  "make a device": "mknod /tmp/device c 1 3",
  "load a kernel module": `python3 -c "${loadModule}"`,
  mount: "mount -t tmpfs tmpfs /mnt && umount /mnt",
  "make a namespace": "unshare --mount true",
  "send packets by itself": python("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
  "signal what is not its own": "kill -0 1",
  "see what others run": "test -e /proc/1/cmdline",
  "raise its priority": "nice -n -5 sh -c 'test $(nice) -lt 0'",
};

const allowed: Readonly<Record<string, string>> = {
  "read what only root may": "head -c 1 /etc/shadow",
  "list what only root may": "ls /root",
  "lock a file": "flock --shared /etc/passwd true",
  "use temporary files": 'file=$(mktemp) && rm "$file"',
  "sort much": "seq 200000 | sort --buffer-size=1M | tail -1",
  "talk over local sockets": python("import socket; socket.socketpair(socket.AF_UNIX)"),
  "talk over the network": python("import socket; socket.socket(socket.AF_INET6)"),
};

export const attempts: readonly Attempt[] = [
  ...Object.entries(refused).map(([name, command]) => ({ name, command, allowed: false })),
  ...Object.entries(allowed).map(([name, command]) => ({ name, command, allowed: true })),
];

/** Script of a picker: picks one file, and writes a line of each attempt to the state folder, or to `/tmp` if there is none. */
export const picker = [
  "exec 2>/dev/null",
  "results=/var/cache/backup/results",
  "[ -d /var/cache/backup ] || results=/tmp/results",
  'try() { if (eval "$2") >/dev/null </dev/null; then echo "$1=done"; else echo "$1=refused"; fi >>"$results"; }',
  ...attempts.map(({ name, command }) => `try '${name}' '${command.replaceAll("'", "'\\''")}'`),
  "echo /etc/hostname",
].join("\n");

export function results(text: string): string[][] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.split("="));
}
