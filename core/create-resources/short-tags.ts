/** Reads a CloudFormation template, and turns its short tags into their long forms. */
import { boolYaml11Tag, CORE_SCHEMA, defineMappingTag, defineScalarTag, defineSequenceTag, load } from "js-yaml";

/** Functions whose long form has no prefix. */
const bare = ["Ref", "Condition"];
const functions = [
  ...["And", "Base64", "Cidr", "Equals", "FindInMap", "GetAtt", "GetAZs", "If", "ImportValue", "Join", "Not", "Or"],
  ...["Select", "Split", "Sub", "ToJsonString", "Transform"],
];
const longForms = new Map([
  ...bare.map((name) => [name, name] as const),
  ...functions.map((name) => [name, `Fn::${name}`] as const),
]);

// CloudFormation reads YAML 1.1, in which `yes` and `no` without quotes are not text: tests here must see the same.
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

/** Splits `Role.Arn` into a resource and an attribute, which may itself have dots (`Outputs.Bucket` of a nested stack). */
function splitAtDot(text: string): string[] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}

/** Returns JSON values only. Throws a `YAMLException` for invalid YAML, and for a tag that CloudFormation does not know. */
export function loadTemplate(text: string): unknown {
  return load(text, { schema });
}
