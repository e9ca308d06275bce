/** Describes what is on disk, by the machine's own tools (`describe.py`): the judge of every round trip. */
import { join } from "node:path";
import { z } from "zod";
import { type ByteString, isByteString } from "../../../core/format/path.ts";
import { plainPython } from "../python.ts";

const byteString = z.custom<ByteString>((value) => typeof value === "string" && isByteString(value));

const description = z.strictObject({
  /** Path as in the backup, without the restore's target. */
  path: byteString,
  type: z.enum(["file", "folder", "link", "fifo", "character device", "block device", "socket"]),
  /** 0 to 0o7777. */
  mode: z.number(),
  uid: z.number(),
  gid: z.number(),
  /** Null if the machine knows no name. */
  user: z.string().nullable(),
  group: z.string().nullable(),
  /** Nanoseconds since 1970 in decimal digits: too long for a number. */
  modified: z.string(),
  /** Lines such as `user:1000:rw-`, always with numbers, sorted. Absent if the mode says it all. */
  acl: z.string().optional(),
  defaultAcl: z.string().optional(),
  /** All but ACLs, file capabilities among them: name to value in hex. */
  xattrs: z.record(z.string(), z.string()),
  /** Equal for all names of one thing that is hard-linked. */
  inode: z.string().optional(),
  /** Target of a link. */
  target: byteString.optional(),
  /** Number of a device: `major:minor`. */
  device: z.string().optional(),
  /** Size of a file in bytes. This and the next two are for files only. */
  size: z.number().optional(),
  /** `[start, end]` of what is not a hole. */
  data: z.array(z.tuple([z.number(), z.number()])).optional(),
  /** Depends on the bytes alone, not on which zeros are holes. */
  digest: z.string().optional(),
  /** Why content or attributes could not be looked at. */
  unreadable: z.string().optional(),
});

export type Description = z.infer<typeof description>;

/** Descriptions by path. */
export type Tree = ReadonlyMap<ByteString, Description>;

export type DescribeOptions = {
  /** The target of a restore: its `/a/b` is looked for in `<under>/a/b`, and described as `/a/b`. Default `/`. */
  readonly under?: string;
};

/** The folder `root` and all that is in it. `root` is absolute and free of links. Empty if nothing is there. */
export function describeTree(root: string, { under = "/" }: DescribeOptions = {}): Promise<Tree> {
  return run({ under: latin(under), tree: latin(root) });
}

/** Just these, without what folders hold; paths that do not exist are left out. */
export function describePaths(paths: Iterable<ByteString>, { under = "/" }: DescribeOptions = {}): Promise<Tree> {
  return run({ under: latin(under), paths: [...paths] });
}

/** What a restore should bring back: sockets have no meaning without the process that listens. */
export function withoutSockets(tree: Tree): Tree {
  return new Map([...tree].filter(([, { type }]) => type !== "socket"));
}

function latin(text: string): string {
  return Buffer.from(text).toString("latin1");
}

async function run(request: object): Promise<Tree> {
  const script = join(import.meta.dir, "describe.py");
  const child = Bun.spawn([...plainPython, script], { stdin: new Blob([JSON.stringify(request)]), stderr: "pipe" });
  const [output, errors, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exit !== 0) throw new Error(`describe.py ended with status ${exit}: ${errors}`);
  const found = output
    .split("\n")
    .filter(Boolean)
    .map((line) => description.parse(JSON.parse(line)));
  return new Map(found.map((one) => [one.path, one]));
}
