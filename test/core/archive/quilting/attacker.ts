/** A user of the machine who exchanges two of their names, over and over, as fast as possible. */
import { python3 } from "../../../support/python.ts";
import { isRoot } from "../../../support/services.ts";

const nobody = 65534;

/** Python has no call for it. */
const exchange = `
import ctypes, os, platform, sys
a, b = (os.fsencode(os.path.relpath(path, os.path.dirname(sys.argv[1]))) for path in sys.argv[1:])
# The folders above may be closed to the user.
os.chdir(os.path.dirname(sys.argv[1]))
os.setgroups([]); os.setresgid(${nobody}, ${nobody}, ${nobody}); os.setresuid(${nobody}, ${nobody}, ${nobody})
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 316, "aarch64": 276}[platform.machine()]
def swap(): return libc.syscall(number, -100, a, -100, b, 2)
if swap() != 0: sys.exit("cannot exchange: " + os.strerror(ctypes.get_errno()))
print("ready", flush=True)
os.set_blocking(0, False)
while True:
    for _ in range(1000): swap()
    try:
        if os.read(0, 1) == b"": break
    except BlockingIOError: pass
`;

export const attacker = { uid: nobody, gid: nobody } as const;

/** Only root can become another user. */
export const canAttack = isRoot && Bun.which("python3") !== null;

/** Begins to exchange what lies at two paths; resolves when it is under way. The attack ends when it is disposed of. */
export async function exchanging(a: string, b: string): Promise<AsyncDisposable> {
  const child = Bun.spawn([python3, "-c", exchange, a, b], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) throw new Error("the attacker did not begin");
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await child.exited;
    },
  };
}

/** inotify tells of each time that a file is opened, whatever its name is by then. */
const watch = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init1(os.O_NONBLOCK)
IN_OPEN = 0x20
if libc.inotify_add_watch(fd, os.fsencode(sys.argv[1]), IN_OPEN) < 0: sys.exit("cannot watch")
print("ready", flush=True)
sys.stdin.read()
try: print(len(os.read(fd, 1 << 16)) // 16)
except BlockingIOError: print(0)
`;

/** Counts how often a file is opened, from now on until it is asked for. */
export async function watchOpens(path: string): Promise<() => Promise<number>> {
  const child = Bun.spawn([python3, "-c", watch, path], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  await reader.read();
  return async () => {
    child.stdin.end();
    const { value } = await reader.read();
    return Number(Buffer.from(value ?? []).toString());
  };
}
