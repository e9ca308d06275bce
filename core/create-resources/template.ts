/** Reads the template of this version, and what its parameters allow. */
import { z } from "zod";
import yaml from "../../cfn/sysbackup.yaml" with { type: "text" };
import { loadTemplate } from "./short-tags.ts";

/** A value in YAML, number or text, as text: CloudFormation takes only text. */
const value = z.union([z.string(), z.number()]).transform(String);

/** A parameter of the template. Strict, as a rule unknown here could not be checked before the request. */
const parameter = z
  .strictObject({
    Type: z.enum(["String", "Number"]),
    Description: z.string(),
    Default: value.optional(),
    AllowedValues: z.array(value).optional(),
    AllowedPattern: z.string().optional(),
    ConstraintDescription: z.string().optional(),
    MinValue: z.number().optional(),
    MaxValue: z.number().optional(),
  })
  .transform((written) => ({
    number: written.Type === "Number",
    description: written.Description,
    default: written.Default,
    allowed: written.AllowedValues,
    /** Pattern of the whole value. */
    pattern: written.AllowedPattern === undefined ? undefined : new RegExp(`^(?:${written.AllowedPattern})$`),
    /** The pattern, in words. */
    constraint: written.ConstraintDescription,
    minimum: written.MinValue,
    maximum: written.MaxValue,
  }));

export type Parameter = Readonly<z.output<typeof parameter>>;

export type Template = {
  /** YAML as CloudFormation takes it: at most 51,200 bytes. Of the comments, those at its beginning. */
  readonly text: string;
  /** The text with all its comments, for people. */
  readonly written: string;
  /** The template with every function in its long form: JSON, which CloudFormation also takes. */
  readonly document: unknown;
  readonly parameters: ReadonlyMap<string, Parameter>;
};

const document = z.looseObject({ Parameters: z.record(z.string(), parameter) });

/** Throws if `create-resources` cannot use the template. @internal */
export function readTemplate(text: string): Template {
  const read = loadTemplate(text);
  return {
    text: withoutComments(text),
    written: text,
    document: read,
    parameters: new Map(Object.entries(document.parse(read).Parameters)),
  };
}

/** Removes the lines of indented comments: they are a fifth of the text, and in this project for everybody to read. */
function withoutComments(text: string): string {
  return text.replace(/^ +#.*\n/gm, "");
}

export function builtInTemplate(): Template {
  return readTemplate(z.string().parse(yaml));
}
