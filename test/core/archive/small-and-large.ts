/** A machine with one small file and one of several chunks, and whether its backup has both. */
import { noise } from "./noise.ts";
import { Rig, type RigRun } from "./rig.ts";

export const small = noise(5_000, 1);
export const large = noise(3_000_000, 2);

export async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("small", small);
  await rig.write("large", large);
  return rig;
}

export async function isWhole(rig: Rig, { backup }: RigRun): Promise<boolean> {
  const found = await Promise.all(["small", "large"].map((name) => backup.read(rig.file(name))));
  return found[0]?.equals(small) === true && found[1]?.equals(large) === true;
}
