/** A filter over whole objects that is as simple as can be, in the place of encryption. */
import type { Filter } from "../../core/format/codecs/codec.ts";
import { altered } from "../../core/format/error.ts";

const magic = Buffer.from("TOY1");

/** Turns bits over, after a mark that makes what is stored longer than what is in it. */
export const toyFilter: Filter = {
  name: "toy",
  suffix: ".toy",
  streaming: true,
  async *encode(content) {
    yield magic;
    for await (const piece of content) yield turned(piece);
  },
  async *decode(stored) {
    let start: Uint8Array = new Uint8Array();
    let isOpen = false;
    for await (const piece of stored) {
      if (isOpen) yield turned(piece);
      else start = Buffer.concat([start, piece]);
      if (isOpen || start.length < magic.length) continue;
      if (!magic.equals(start.subarray(0, magic.length))) throw altered("it is no toy");
      isOpen = true;
      yield turned(start.subarray(magic.length));
    }
    if (!isOpen) throw altered("it is cut short");
  },
};

function turned(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte ^ 0xff);
}
