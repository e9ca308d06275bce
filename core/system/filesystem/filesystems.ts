/** What a filesystem says of itself: whether it holds anything to back up, and how much room it has. */
import { check, fixedBuffer, lastError, libc } from "../libc.ts";

/**
 * Magic numbers (`f_type` of statfs) of filesystems whose files the kernel generates when they are read. Without tmpfs and
 * devtmpfs (which share a number), as people keep files there.
 */
const pseudoFilesystems = new Set<number>([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0xf97cff8c, // selinuxfs
  0x43415d53, // smackfs
  0x5a3c69f0, // apparmorfs
  0xcafe4a11, // bpf
  0x62656570, // configfs
  0x65735543, // fusectl
  0x6165676c, // pstore
  0xde5e81e4, // efivarfs
  0x19800202, // mqueue
  0x1cd1, // devpts
  0x42494e4d, // binfmt_misc
  0x7655821, // resctrl
  0x6e736673, // nsfs
  0x67596969, // rpc_pipefs
  0x6e667364, // nfsd
  0x958458f6, // hugetlbfs
]);

const autofs = 0x0187;

/** `automount`: a place where another filesystem appears when somebody looks into it. */
export type FilesystemKind = "pseudo" | "automount" | "other";

const statfsResult = fixedBuffer(256);

/** The kind of the filesystem that an open or held file is on: `other` for one that says nothing of itself, as some in FUSE. */
export function filesystemKind(fd: number): FilesystemKind {
  if (libc.fstatfs(fd, statfsResult.address) !== 0) {
    const error = lastError("statfs");
    if (error.code === "EBADF") throw error;
    return "other";
  }
  const type = statfsResult.bytes.readUInt32LE(0);
  if (type === autofs) return "automount";
  return pseudoFilesystems.has(type) ? "pseudo" : "other";
}

/** Flag of a read-only mount. */
const ST_RDONLY = 1n;

/** Returns the bytes that may still be written to the filesystem of an open file; none if it is read-only. */
export function freeBytes(fd: number): number {
  const { bytes, address } = statfsResult;
  check(libc.fstatfs(fd, address), "statfs");
  const [blockSize, available, fragmentSize, flags] = [8, 32, 72, 80].map((at) => bytes.readBigUInt64LE(at));
  if (((flags ?? 0n) & ST_RDONLY) !== 0n) return 0;
  return Number(available ?? 0n) * Number(fragmentSize || (blockSize ?? 0n));
}
