import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { metadataOf } from "../../../../core/archive/snapshotting/metadata.ts";
import { checkMetadata } from "../../../../core/bucket/checks.ts";

function metadata(restoreThrough: string | undefined, description: string | undefined) {
  return metadataOf({ restoreThrough, description });
}

describe("metadata of a snapshot", () => {
  test("metadata of a snapshot is the command and the description", () => {
    expect(metadata("psql", "all\ndatabases")).toEqual({
      "restore-through": "psql",
      "backup-output": "all; databases",
    });
  });

  test("metadata of a snapshot leaves out what there is not", () => {
    expect(metadata(undefined, undefined)).toEqual({});
    expect(metadata("psql", undefined)).toEqual({ "restore-through": "psql" });
  });

  test("metadata of a snapshot writes other characters than printable ASCII as escapes", () => {
    expect(metadata("echo é\t😀", undefined)).toEqual({ "restore-through": String.raw`echo \u00e9\u0009\ud83d\ude00` });
  });

  test("metadata of a snapshot marks a command that is cut", () => {
    const command = metadata("a".repeat(1401), undefined)["restore-through"];
    expect(command).toEndWith("a [cut: see the manifest]");
    expect(command).toHaveLength(1400);
    expect(metadata("a".repeat(1400), undefined)["restore-through"]).toBe("a".repeat(1400));
  });

  test("metadata of a snapshot keeps the end of a description that is cut, without half an escape", () => {
    const output = metadata("a".repeat(1399), "é".repeat(1000))["backup-output"] ?? "";
    expect(output).toBe(String.raw`\u00e9`.repeat(100));
  });

  test("metadata of a snapshot is always what S3 takes", () => {
    const text = fc
      .tuple(fc.string({ unit: "binary" }), fc.nat({ max: 400 }))
      .map(([piece, times]) => piece.repeat(times));
    fc.assert(
      fc.property(text, text, (command, description) => {
        checkMetadata("key", metadata(command, description));
      }),
    );
  });
});
