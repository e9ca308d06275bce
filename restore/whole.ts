/** Content from objects without frames, of any size: layout `objects` stores each file as one. */

import { readAll } from "../core/bucket/stream.ts";
import type { ObjectRef } from "../core/format/entry.ts";
import { decodeSmall, decodeStream, type WholeEncoding } from "../core/manifest/decode.ts";
import { lossOf } from "../core/manifest/loss.ts";
import { deliver, loseAll, wrongContent } from "./deliver.ts";
import type { FetchContext } from "./fetch-context.ts";
import { mostHeld, type Use } from "./plan.ts";

export async function fetchWhole(object: ObjectRef, uses: readonly Use[], context: FetchContext): Promise<void> {
  const { key } = object;
  try {
    const end = Math.max(...uses.map(({ extent }) => extent.offset + extent.length));
    if (end <= mostHeld) deliver(uses, await beginning(object, end, context), object, context.files);
    else await deliverAsItComes(object, uses, context);
  } catch (error) {
    loseAll(uses, lossOf(error, key), context.files);
  }
  context.onProgress();
}

function encodingOf({ encoding }: ObjectRef): WholeEncoding {
  return encoding === "frames" ? "none" : encoding;
}

function contentOf(object: ObjectRef, { bucket }: FetchContext): AsyncIterable<Uint8Array> {
  const { key, version } = object;
  return decodeStream(bucket.get(key, { version }), encodingOf(object));
}

/** Stored bytes up to which an object is decoded at once. */
const mostAtOnce = 256 * 1024;

/** The first `length` bytes, or fewer where it has fewer. */
async function beginning(object: ObjectRef, length: number, context: FetchContext): Promise<Uint8Array> {
  const { key, version, size } = object;
  context.garbage.left(size + length);
  if (size > mostAtOnce) return await filled(length, contentOf(object, context));
  const stored = await readAll(context.bucket.get(key, { version }), size);
  const once = async function* () {
    yield stored;
  };
  const encoding = encodingOf(object);
  return decodeSmall(stored, encoding, length) ?? (await filled(length, decodeStream(once(), encoding)));
}

async function filled(length: number, source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const content = Buffer.allocUnsafe(length);
  let at = 0;
  for await (const piece of source) {
    const wanted = piece.subarray(0, length - at);
    content.set(wanted, at);
    at += wanted.length;
    if (at === length) break;
  }
  return content.subarray(0, at);
}

type Flowing = { readonly use: Use; readonly hash: Bun.CryptoHasher; readonly end: number };

/**
 * Writes while reading, so that a file of any size takes little memory. Each extent is verified at its end, before the
 * file gets its name.
 */
async function deliverAsItComes(object: ObjectRef, uses: readonly Use[], context: FetchContext): Promise<void> {
  const { files, signal, onProgress } = context;
  const waiting = [...uses].sort((a, b) => b.extent.offset - a.extent.offset);
  let flowing: Flowing[] = [];
  let position = 0;
  for await (const piece of contentOf(object, context)) {
    signal.throwIfAborted();
    const end = position + piece.length;
    for (let next = waiting.at(-1); next !== undefined && next.extent.offset < end; next = waiting.at(-1)) {
      waiting.pop();
      flowing.push({ use: next, hash: new Bun.CryptoHasher("sha256"), end: next.extent.offset + next.extent.length });
    }
    for (const one of flowing) pass(one, piece, position, object, context);
    flowing = flowing.filter((one) => one.end > end && !one.use.job.over);
    position = end;
    onProgress();
    if (flowing.length === 0 && waiting.length === 0) return;
  }
  const rest = [...flowing.map(({ use }) => use), ...waiting];
  loseAll(rest, wrongContent(object.key), files);
}

/** `start`: where the piece lies in the content. */
function pass(
  { use, hash, end }: Flowing,
  piece: Uint8Array,
  start: number,
  { key }: ObjectRef,
  context: FetchContext,
) {
  const { extent, job, position } = use;
  const from = Math.max(0, extent.offset - start);
  const bytes = piece.subarray(from, end - start);
  hash.update(bytes);
  const ends = end <= start + piece.length;
  if (ends && hash.digest("hex") !== extent.sha256) context.files.lose(job, wrongContent(key));
  else context.files.write(job, bytes, position + start + from - extent.offset, ends);
}
