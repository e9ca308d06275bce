/** Partitions of AWS: each has its own accounts, IAM and regions, whose names tell which. */

/** Beginnings of the names of regions. The dash keeps `us-iso-` apart from `us-isob-`. */
const partitions: readonly (readonly [regions: string, partition: string])[] = [
  ["cn-", "aws-cn"],
  ["eusc-", "aws-eusc"],
  ["us-gov-", "aws-us-gov"],
  ["us-iso-", "aws-iso"],
  ["us-isob-", "aws-iso-b"],
  ["eu-isoe-", "aws-iso-e"],
  ["us-isof-", "aws-iso-f"],
];

/** The partition of a region, as it is in ARNs. */
export function partitionOf(region: string): string {
  return partitions.find(([regions]) => region.startsWith(regions))?.[1] ?? "aws";
}
