/** Orders to the threads that write: content of a frame, and what of it goes where. All descriptors in it belong to who gives the order. */
import type { Moment } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";

/** Bytes of the content, and the SHA-256 (hex) that they should have. */
export type ExpectedSlice = { readonly offset: number; readonly length: number; readonly sha256: string };

/** A file that is made, filled and put in its place at once. It has no metadata but this. */
export type WholeFile = ExpectedSlice & {
  /** Folder in which it is made under the name `temporary`. */
  readonly place: number;
  readonly temporary: ByteString;
  readonly folder: number;
  readonly name: ByteString;
  readonly uid: number;
  readonly gid: number;
  /** Without setuid and setgid. */
  readonly mode: number;
  readonly modified: Moment;
};

/** Bytes that go into an open file. */
export type OpenPiece = ExpectedSlice & {
  readonly fd: number;
  readonly writes: readonly PieceWrite[];
};

/** `from`: first byte within the slice; `at`: its place in the file. */
export type PieceWrite = { readonly from: number; readonly length: number; readonly at: number };

export type WriteOrder = {
  /** Stored bytes of the frame. */
  readonly stored: Uint8Array<ArrayBuffer>;
  /** From `encodeTasks`: a text reaches another thread in half the time that objects take. */
  readonly tasks: string;
  /** Whether the answer says what the thread's time was spent on. */
  readonly timed: boolean;
};

export type WriteTask = WholeFile | OpenPiece;

export function encodeTasks(tasks: readonly WriteTask[]): string {
  return JSON.stringify(tasks);
}

export function decodeTasks(text: string): readonly WriteTask[] {
  return JSON.parse(text);
}

/** Which of the tasks, by index, are not done. Nothing is left of such a whole file; of a piece, some may be written. */
export type WriteAnswer = { readonly undone: readonly number[]; readonly spent?: WriteTimes | undefined };

/** Microseconds of processor time in which an order was read, its frame decoded, and content verified and written. */
export type WriteTimes = {
  readonly read: number;
  readonly decode: number;
  readonly verify: number;
  readonly write: number;
};
