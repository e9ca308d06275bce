/** An object written in parts, on S3. */
import type { CompletedPart, ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import { BucketError, type SendPace, type Stored, type Upload } from "../contract.ts";
import { isDenied } from "../fatal.ts";
import type { S3Requests, SendOptions } from "./requests.ts";

type SentPart = CompletedPart & { readonly size: number };

/** The upload `id` of `key`, which has begun. `versionOf` checks the version that the server gives. */
export function s3Upload(
  requests: S3Requests,
  key: string,
  id: string,
  versionOf: (version: string | undefined) => string,
): Upload {
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

  async function complete(): Promise<Stored> {
    const numbered = [...parts.entries()].sort(([a], [b]) => a - b).map(([, sent]) => sent);
    const size = numbered.reduce((sum, sent) => sum + sent.size, 0);
    const Parts = numbered.map(({ size: _, ...sent }) => sent);
    const command = new sdk.CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts } });
    const again = ended;
    ended = true;
    const find = async () => ({
      key,
      version: versionOf(await completedBefore(requests, key, { size, parts: numbered.length })),
      size,
    });
    try {
      const { VersionId } = await requests.run("store", key, (how) => client.send(command, how));
      // Ceph answers again for an upload that has ended, without its version.
      return again && VersionId === undefined ? await find() : { key, version: versionOf(VersionId), size };
    } catch (error) {
      if (again && isGone(error)) return find();
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

type Whole = { readonly size: number; readonly parts: number };

/**
 * Finds the version of an upload that has ended although nobody heard the answer. It is the newest of its key, of its size,
 * with the number of its parts in the ETag.
 */
async function completedBefore(requests: S3Requests, key: string, { size, parts }: Whole): Promise<string> {
  const why = "its last request was carried out or refused, and the answer was lost";
  const command = new requests.sdk.ListObjectVersionsCommand({ ...requests.prefix(key), MaxKeys: 100 });
  const send = () => requests.run("list the versions of", key, (how) => requests.client.send(command, how));
  const { Versions = [] }: Pick<ListObjectVersionsCommandOutput, "Versions"> = await send().catch((error: unknown) => {
    if (!isDenied(error)) throw error;
    throw new BucketError("other", {
      doing: "store",
      what: `${requests.url}/${key}`,
      why: `${why}; whether the object is there cannot be seen with these rights (s3:ListBucketVersions)`,
      remedy: "run again: it is stored once more",
      cause: error,
    });
  });
  const found = Versions.find((version) => version.Key === key || version.Key === encodeURIComponent(key));
  const { ETag = "", Size, VersionId } = found ?? {};
  if (VersionId !== undefined && Size === size && ETag.replaceAll('"', "").endsWith(`-${parts}`)) return VersionId;
  throw new BucketError("other", {
    doing: "store",
    what: `${requests.url}/${key}`,
    why: `${why}; no version of it is there`,
    remedy: "run again: it is stored once more",
  });
}
