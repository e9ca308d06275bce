/** A bundle that the command line describes instead of conf. */
import { exitStatus, Failure } from "../failure.ts";
import { type BundleSection, bundleOf, bundleSection } from "./bundle-section.ts";

/** Values as in conf. */
type Given = Readonly<Partial<Record<keyof typeof bundleSection.shape, string | undefined>>> & {
  readonly path: string;
};

/** The options of the keys, where they have another name. */
const options: Readonly<Record<string, string>> = {
  path: "backup-path",
  compression: "compression-algorithm",
  index: "dynamodb-table-name",
};

/** Throws a Failure (exit 2) that says what is allowed. */
export function sectionOfWords(given: Given): BundleSection {
  const written = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const result = bundleSection.safeParse(written);
  if (result.success) return bundleOf(nameFor(result.data.path, result.data.depth), result.data);
  const [issue] = result.error.issues;
  const key = String(issue?.path[0] ?? "");
  throw new Failure({
    doing: `use --${options[key] ?? key.replaceAll("_", "-")}`,
    what: String(written[key] ?? ""),
    why: `it is not allowed: ${issue?.message}`,
    exit: exitStatus.usage,
  });
}

/** Tells bundles of several calls apart, so that one call does not take the place of another. */
function nameFor(path: string, depth: number): string {
  const plain = path.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return `${plain === "" ? "root" : plain}`.slice(0, 120).concat(`-${depth}`);
}
