/** An object written in parts, on S3. */
import { createHash } from "node:crypto";
import type { CompletedPart, ListObjectVersionsCommandOutput, ObjectVersion } from "@aws-sdk/client-s3";
import { BucketError, type Completed, type SendPace, type Upload } from "../contract.ts";
import { isDenied } from "../fatal.ts";
import { saysPartsGone } from "./errors.ts";
import { decodedKey, NoPage } from "./page.ts";
import type { S3Requests, SendOptions } from "./requests.ts";

type SentPart = CompletedPart & { readonly ETag: string; readonly size: number };

type Begun = {
  readonly id: string;
  /** Checks the version that the server gives. */
  readonly versionOf: (version: string | undefined) => string;
};

/** The upload of `key` that has begun. */
export function s3Upload(requests: S3Requests, key: string, { id, versionOf }: Begun): Upload {
  const { sdk, client } = requests;
  const place = { ...requests.place(key), UploadId: id };
  const parts = new Map<number, SentPart>();
  let ended = false;

  async function part(number: number, body: Uint8Array, pace?: SendPace): Promise<void> {
    const wanted = { ...place, PartNumber: number, Body: body, ChecksumAlgorithm: "CRC32" } as const;
    const command = new sdk.UploadPartCommand(wanted);
    const send = (how: SendOptions) => client.send(command, how);
    const { ETag, ChecksumCRC32 } = await requests.run("store a part of", key, send, { pace });
    if (ETag === undefined) throw requests.foreign("store a part of", key, "no ETag");
    parts.set(number, { PartNumber: number, ETag, ChecksumCRC32, size: body.byteLength });
  }

  async function complete(): Promise<Completed> {
    const numbered = [...parts.entries()].sort(([a], [b]) => a - b).map(([, sent]) => sent);
    const size = numbered.reduce((sum, sent) => sum + sent.size, 0);
    const Parts = numbered.map(({ size: _, ...sent }) => sent);
    const command = new sdk.CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts } });
    const again = ended;
    ended = true;
    const find = async (): Promise<Completed> => {
      const version = versionOf(await completedBefore(requests, key, { size, etag: etagOfWhole(numbered) }));
      return { key, version, size, isFound: true };
    };
    try {
      const { VersionId } = await requests.run("store", key, (how) => client.send(command, how));
      // Ceph answers again for an upload that has ended, without its version.
      return again && VersionId === undefined ? await find() : { key, version: versionOf(VersionId), size };
    } catch (error) {
      // Also at the first attempt: something on the way may have repeated it.
      if (isGone(error)) return find();
      // Unless it is there, it means what it says.
      if (error instanceof BucketError && saysPartsGone(error.cause)) return find().catch(() => Promise.reject(error));
      throw error;
    }
  }

  async function abort(): Promise<void> {
    const command = new sdk.AbortMultipartUploadCommand(place);
    const send = () => requests.run("abort the upload of", key, (how) => client.send(command, how), { cleanup: true });
    await send().catch((error: unknown) => (isGone(error) ? undefined : Promise.reject(error)));
  }

  return { part, complete, abort };
}

const isGone = (error: unknown): boolean => error instanceof BucketError && error.kind === "missing";

type VersionsPage = Pick<ListObjectVersionsCommandOutput, "Versions" | "EncodingType">;
type Whole = { readonly size: number; readonly etag: string };

/**
 * Returns the ETag of an object in parts: the MD5 of theirs, and their number. Each version of a bundle may have the same size and number,
 * so it is what tells them apart. If the server encrypts with KMS, its ETags may be others, and an upload whose answer was lost is not
 * found.
 */
function etagOfWhole(parts: readonly SentPart[]): string {
  const hash = createHash("md5");
  for (const { ETag } of parts) hash.update(bareEtag(ETag), "hex");
  return `${hash.digest("hex")}-${parts.length}`;
}

const bareEtag = (etag: string): string => etag.replaceAll('"', "");

/** Finds the version of an upload that has ended although nobody heard the answer: the newest of its key with the same bytes. */
async function completedBefore(requests: S3Requests, key: string, { size, etag }: Whole): Promise<string> {
  const why = "its last request was carried out or refused, and the answer was lost";
  const command = new requests.sdk.ListObjectVersionsCommand({ ...requests.prefix(key), MaxKeys: 100 });
  const send = () => requests.run("list the versions of", key, (how) => requests.client.send(command, how));
  const { Versions = [], EncodingType }: VersionsPage = await send().catch((error: unknown) => {
    if (!isDenied(error)) throw error;
    throw new BucketError("other", {
      doing: "store",
      what: `${requests.url}/${key}`,
      why: `${why}; whether the object is there cannot be seen with these rights (s3:ListBucketVersions)`,
      remedy: "run again: it is stored once more",
      cause: error,
    });
  });
  const isOurs = ({ Key, ETag = "", Size }: ObjectVersion): boolean => {
    try {
      return decodedKey(Key, EncodingType) === key && Size === size && bareEtag(ETag) === etag;
    } catch (error) {
      throw error instanceof NoPage ? requests.foreign("list the versions of", key, error.message) : error;
    }
  };
  // Not always the newest of all: another machine may have stored the key since.
  const version = Versions.find(isOurs)?.VersionId;
  if (version !== undefined) return version;
  throw new BucketError("other", {
    doing: "store",
    what: `${requests.url}/${key}`,
    why: `${why}; no version of it is there`,
    remedy: "run again: it is stored once more",
  });
}
