/** Tars byte for byte, also such as no archiver writes. */
export const tarBlock = 512;

export type RawMember = {
  readonly name?: string;
  readonly typeflag?: string;
  /** The whole field; by default the length of `content`. */
  readonly size?: string | Buffer;
  readonly content?: Buffer;
  readonly linkName?: string;
  readonly mode?: string;
  readonly uid?: string | Buffer;
  readonly major?: string | Buffer;
  readonly modified?: string | Buffer;
  /** Whether blocks with more holes follow, in the old form of GNU tar. */
  readonly moreHoles?: boolean;
  /** Added to the right sum. */
  readonly wrongBy?: number;
};

export const octal = (value: number) => `${value.toString(8).padStart(11, "0")}\0`;

export function rawHeader(member: RawMember): Buffer {
  const { name = "a", typeflag = "0", content, linkName = "", mode = "0000644\0", wrongBy = 0 } = member;
  const { uid = "0000000\0", major = "0000000\0", modified = "00000000000\0" } = member;
  const bytes = Buffer.alloc(tarBlock);
  bytes.write(name, 0, 100, "latin1");
  bytes.write(mode, 100);
  Buffer.from(uid).copy(bytes, 108);
  bytes.write("0000000\0", 116);
  Buffer.from(member.size ?? octal(content?.length ?? 0)).copy(bytes, 124);
  Buffer.from(modified).copy(bytes, 136);
  bytes.write("        ", 148);
  bytes.write(typeflag, 156);
  bytes.write(linkName, 157, 100, "latin1");
  bytes.write("ustar\0" + "00", 257);
  Buffer.from(major).copy(bytes, 329);
  bytes.write("0000000\0", 337);
  if (member.moreHoles === true) bytes[482] = 1;
  const sum = bytes.reduce((total, byte) => total + byte, 0) + wrongBy;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

/** Returns header, content and padding. */
export function rawMember(member: RawMember): Buffer {
  const content = member.content ?? Buffer.alloc(0);
  return Buffer.concat([rawHeader(member), content, Buffer.alloc((tarBlock - (content.length % tarBlock)) % tarBlock)]);
}

/** Returns headers of the given type that say something of the next member, or of all: `x`, `g`, `L`, `K`. */
export function tarExtension(typeflag: string, content: Buffer): Buffer {
  return rawMember({ name: "pax", typeflag, content });
}

export function paxRecord(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  let length = body.length;
  while (length !== body.length + String(length).length) length = body.length + String(length).length;
  return Buffer.from(`${length}${body}`, "latin1");
}

export const tarEnd = Buffer.alloc(2 * tarBlock);
