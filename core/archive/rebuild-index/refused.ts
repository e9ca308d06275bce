/** Reading and storing are the rights of two roles: says so if index objects may not be put. */
import { BucketError } from "../../bucket/contract.ts";
import { isDenied } from "../../bucket/fatal.ts";
import type { WriteTarget } from "../../stored/write.ts";

export function explained({ put, startUpload }: WriteTarget["bucket"]): WriteTarget["bucket"] {
  return {
    startUpload,
    put: (...args) =>
      put(...args).catch((error: unknown) => {
        if (!isDenied(error)) throw error;
        const remedy = "run it where conf has the credentials of archive, which may store in index/";
        throw new BucketError("denied", { ...error.parts, remedy });
      }),
  };
}
