/** Loads a CloudFormation template with its short tags, each as the long form that it stands for. */
import { CORE_SCHEMA, defineScalarTag, defineSequenceTag, load } from "js-yaml";

const names = [
  "Ref",
  "Condition",
  "Sub",
  "GetAtt",
  "Join",
  "If",
  "Equals",
  "Not",
  "And",
  "Or",
  "Select",
  "Split",
] as const;

const longName = (name: string) => (name === "Ref" || name === "Condition" ? name : `Fn::${name}`);

const schema = CORE_SCHEMA.withTags(
  names.flatMap((name) => [
    defineScalarTag(`!${name}`, {
      resolve: (text) => ({ [longName(name)]: name === "GetAtt" ? splitOnce(text) : text }),
      identify: () => false,
    }),
    defineSequenceTag(`!${name}`, {
      create: (): unknown[] => [],
      addItem: (items, item) => void items.push(item),
      finalize: (items) => ({ [longName(name)]: items }),
      identify: () => false,
    }),
  ]),
);

function splitOnce(text: string): [string, string] {
  const dot = text.indexOf(".");
  return [text.slice(0, dot), text.slice(dot + 1)];
}

export function loadTemplate(text: string): unknown {
  return load(text, { schema });
}
