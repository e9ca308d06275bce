/** A filesystem in user space that is mounted as another user's. */
import { existsSync } from "node:fs";
import { mayMount } from "./faults/disk-full.ts";
import { python3 } from "./python.ts";
import { run } from "./services/command.ts";

export const mayMountForUser = mayMount && existsSync("/dev/fuse");

/**
 * One empty folder, which is root's and nobody's business. If it is silent, it answers to nothing once it is mounted. If it has files, any
 * name is one of five bytes, and closing it fails.
 */
const server = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=65534,group_id=65534,allow_other"
if libc.mount(b"his", os.fsencode(sys.argv[1]), b"fuse", 0, options.encode()) != 0: sys.exit("cannot mount")
os.write(1, b"ready")
attributes = struct.pack("<QIIQQQQQQIIIIIIIIII", 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40700, 2, 0, 0, 0, 4096, 0)
file = struct.pack("<QQQQQQIIIIIIIIII", 2, 5, 1, 0, 0, 0, 0, 0, 0, 0o100644, 1, 0, 0, 0, 4096, 0)
silent, files = "silent" in sys.argv, "files" in sys.argv
while True:
    try: request = os.read(fd, 1 << 20)
    except OSError: break
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    error, answer = 0, b""
    if opcode == 26: answer = struct.pack("<IIIIHHIIHHI", 7, 31, 65536, 0, 0, 0, 65536, 1, 0, 0, 0) + bytes(28)
    elif silent: continue
    elif files and opcode == 1: answer = struct.pack("<QQQQII", 2, 0, 0, 0, 0, 0) + file
    elif files and opcode == 3 and node == 2: answer = struct.pack("<QII", 0, 0, 0) + file
    elif files and opcode == 14: answer = bytes(16)
    elif files and opcode == 15: answer = b"hello"[struct.unpack_from("<QQ", request, 40)[1]:]
    elif files and opcode == 25: error = -5
    elif files and opcode == 18: pass
    elif opcode == 3: answer = attributes
    elif opcode == 27: answer = bytes(16)
    elif opcode in (28, 29): pass
    elif opcode in (2, 42): continue
    else: error = -2 if opcode == 1 else -38
    os.write(fd, struct.pack("<IiQ", 16 + len(answer), error, unique) + answer)
`;

/** `unmount`: it answers those who hold it all the same. */
type UsersFilesystem = AsyncDisposable & { readonly unmount: () => Promise<void> };

/** Mounts it there, for user 65534, and lets root in; unmounts it when it is disposed of. */
export async function usersFilesystem(at: string, { silent = false, files = false } = {}): Promise<UsersFilesystem> {
  const child = Bun.spawn([python3, "-c", server, at, ...(silent ? ["silent"] : []), ...(files ? ["files"] : [])], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  if (new TextDecoder().decode(value) !== "ready") throw new Error("the filesystem was not mounted");
  let isMounted = true;
  const unmount = async () => {
    if (isMounted) await run(["umount", "--lazy", at]);
    isMounted = false;
  };
  return {
    unmount,
    [Symbol.asyncDispose]: async () => {
      await unmount();
      child.kill("SIGKILL");
    },
  };
}
