/** Objects with metadata: an open file or folder, or a link, fifo or device that is held (`core/system/files/handle.ts`). */
import type { Moment } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";
import {
  setMode,
  setModeOfHandle,
  setOwner,
  setOwnerOfHandle,
  setTimes,
  setTimesOfHandle,
} from "../../core/system/metadata/metadata.ts";
import {
  readXattrs,
  readXattrsOfHandle,
  removeXattr,
  removeXattrOfHandle,
  writeXattr,
  writeXattrOfHandle,
  type Xattrs,
} from "../../core/system/metadata/xattr.ts";

export interface Subject {
  /** Descriptor for `fstat`, which takes either kind. */
  readonly fd: number;
  setOwner(uid: number, gid: number): void;
  setMode(mode: number): void;
  setTimes(modified: Moment): void;
  readAttributes(): Xattrs;
  writeAttribute(name: ByteString, value: Uint8Array): void;
  removeAttribute(name: ByteString): void;
}

export class OpenSubject implements Subject {
  constructor(readonly fd: number) {}

  setOwner(uid: number, gid: number): void {
    setOwner(this.fd, uid, gid);
  }

  setMode(mode: number): void {
    setMode(this.fd, mode);
  }

  setTimes(modified: Moment): void {
    setTimes(this.fd, modified);
  }

  readAttributes(): Xattrs {
    return readXattrs(this.fd);
  }

  writeAttribute(name: ByteString, value: Uint8Array): void {
    writeXattr(this.fd, name, value);
  }

  removeAttribute(name: ByteString): void {
    removeXattr(this.fd, name);
  }
}

export class HeldSubject implements Subject {
  constructor(readonly fd: number) {}

  setOwner(uid: number, gid: number): void {
    setOwnerOfHandle(this.fd, uid, gid);
  }

  setMode(mode: number): void {
    setModeOfHandle(this.fd, mode);
  }

  setTimes(modified: Moment): void {
    setTimesOfHandle(this.fd, modified);
  }

  readAttributes(): Xattrs {
    return readXattrsOfHandle(this.fd);
  }

  writeAttribute(name: ByteString, value: Uint8Array): void {
    writeXattrOfHandle(this.fd, name, value);
  }

  removeAttribute(name: ByteString): void {
    removeXattrOfHandle(this.fd, name);
  }
}
