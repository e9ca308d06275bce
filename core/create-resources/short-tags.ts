/** Reads a CloudFormation template with its short tags, each as the long form that it stands for. */
import { boolYaml11Tag, CORE_SCHEMA, defineMappingTag, defineScalarTag, defineSequenceTag, load } from "js-yaml";

/** Those whose long form has no prefix come first. */
const bare = ["Ref", "Condition"];
const functions = [
  ...["And", "Base64", "Cidr", "Equals", "FindInMap", "GetAtt", "GetAZs", "If", "ImportValue", "Join", "Not", "Or"],
  ...["Select", "Split", "Sub", "ToJsonString", "Transform"],
];
const longForms = new Map([
  ...bare.map((name) => [name, name] as const),
  ...functions.map((name) => [name, `Fn::${name}`] as const),
]);

// CloudFormation reads YAML 1.1, where `yes` and `no` without quotes are no text: what differs there must show here, too.
const schema = CORE_SCHEMA.withTags(
  boolYaml11Tag,
  [...longForms].flatMap(([name, long]) => tagsOf(name, long)),
);

function tagsOf(name: string, long: string) {
  return [
    defineScalarTag(`!${name}`, {
      resolve: (text) => ({ [long]: name === "GetAtt" ? splitAtDot(text) : text }),
      identify: () => false,
    }),
    defineSequenceTag(`!${name}`, {
      create: (): unknown[] => [],
      addItem: (items, item) => void items.push(item),
      finalize: (items) => ({ [long]: items }),
      identify: () => false,
    }),
    defineMappingTag(`!${name}`, {
      create: () => new Map<unknown, unknown>(),
      addPair: (map, key, value) => {
        map.set(key, value);
        return "";
      },
      has: (map, key) => map.has(key),
      keys: () => [],
      get: () => undefined,
      finalize: (map) => ({ [long]: Object.fromEntries(map) }),
      identify: () => false,
    }),
  ];
}

/** `Role.Arn` names a resource and an attribute, which may have dots of its own (`Outputs.Bucket` of a nested stack). */
function splitAtDot(text: string): string[] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}

/** JSON values only. Throws a `YAMLException` for what is no YAML, or has a tag that CloudFormation does not know. */
export function loadTemplate(text: string): unknown {
  return load(text, { schema });
}
