/** `conf` means the same as for Python's configparser, which s3-sysbackup reads it with: on each input, by asking it. */
import { describe, expect, test } from "bun:test";
import { type Conf, parseConf } from "../../../core/config/dialect.ts";
import { isLegacyConf, legacyConf } from "../../../core/config/legacy.ts";
import { Failure } from "../../../core/failure.ts";
import { python3 } from "../../support/python.ts";
import { has } from "../../support/services.ts";

const dialect: readonly string[] = [
  "[a]\nk = v\n",
  "[a]\nk: v\n",
  "[a]\nk=v=w\n",
  "[a]\nk : v : w\n",
  "[a]\nK = v\n",
  "[a]\nk = v # c\n",
  "[a]\nk = v ; c\n",
  "# c\n[a]\nk=v\n",
  "; c\n[a]\nk=v\n",
  "[a]\nk = v\n  more\n",
  "[a]\nk = v\n\n  more\n",
  "[a]\nk = v\n  # c\n  more\n",
  "[a]\nk =\n",
  "[a]\nk = \n  v\n",
  "[a]\nk\n",
  "[a]\n= v\n",
  "k = v\n",
  "[a]\nk=1\nk=2\n",
  "[a]\nk=1\nK=2\n",
  "[a]\nx=1\n[a]\ny=2\n",
  "[a] trailing\nk=v\n",
  "  [a]\n  k = v\n",
  "[a]\n  k = v\n  l = w\n",
  "[A]\nk=v\n",
  "[a b]\nk=v\n",
  "[a]b]\nk=v\n",
  "[]\nk=v\n",
  "[a\nk=v\n",
  "[a]\nk k = v v\n",
  "[a]\n\tk\t=\tv\t\n",
  "[a]\r\nk = v\r\n",
  "[a]\rk = v\r",
  '[a]\nk = "v"\n',
  "[a]\nk = ü\nÜ = v\n",
  "\ufeff[a]\nk=v\n",
  "[a]\nk = v\n \n\n[b]\nx=1\n",
  "[a]\nk = v\n   l = w\n",
  "[a]\nk = a\n\n\n b\n\n",
  "[a]\nk=v\x0cw\n",
  "[a]\nk=v\x0b\n",
  "[a]\nk=v\u2028w\n",
  "[a]\nk = \u00a0v\u00a0\n",
  "[a]\nk=v\n#[b]\nx=1\n",
  "[a]\nk = v\n  [b]\n",
  "[a]\nk==v\n",
  "[a]\nk:=v\n",
  "[a]\nk=v\x1cw\n",
  "[a]\nk = v\x85w\n",
  "",
  "[a]\nk = v\n\t\tmore\n  less\n",
  "[a]\nk=1\n;c\n  more\n",
  "[a]\nk = v\\\n",
  "[ a ]\nk=v\n",
];

/** With what only s3-sysbackup's own files have. */
const legacy: readonly string[] = [
  "[aws]\nprofile = a%%b\n",
  "[aws]\nprofile = %(role_arn)s-x\nrole_arn = y\n",
  "[aws]\nprofile = %(nowhere)s\n",
  "[aws]\nprofile = 100%\n",
  "[aws]\nprofile = %x\n",
  "[DEFAULT]\nhost = h\n[aws]\nprofile = %(host)s.%(HOST)s\n",
  "[DEFAULT]\nprofile = p\n[aws]\n",
  "[DEFAULT]\ndays_retained = 20\n[aws]\n[content]\n",
  "[DEFAULT]\ndays_retained = 20\n[aws]\n[content]\ndays_retained = 30\n",
  "[aws]\nprofile = %(profile)s\n",
  "[DEFAULT]\na = %(b)s\nb = %(c)s\nc = end%%\n[aws]\nprofile = <%(a)s>\n",
  "[aws]\n[s3]\nbucket = b\n[DEFAULT]\nregion = r\n[cloudformation]\n",
  "[aws]\nprofile = %%(x)s\n",
  "[aws]\nprofile = %(x y)s\n",
].map((text) => (text.includes("[content]") ? text : `${text}[content]\n`));

const program = `
import configparser, json, sys, tempfile
def read(text, interpolate):
    parser = configparser.ConfigParser() if interpolate else configparser.ConfigParser(interpolation=None)
    with tempfile.NamedTemporaryFile("w", newline="", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        try:
            parser.read(file.name, encoding="utf-8")
            return {name: {key: parser.get(name, key) for key in parser[name]} for name in parser.sections()}
        except configparser.Error:
            return "refused"
json.dump([read(*one) for one in json.load(sys.stdin)], sys.stdout)
`;

type Read = Readonly<Record<string, Readonly<Record<string, string>>>> | "refused";

async function asPythonReads(inputs: readonly string[], interpolate: boolean): Promise<Read[]> {
  const child = Bun.spawn([python3, "-c", program], {
    stdin: new Blob([JSON.stringify(inputs.map((text) => [text, interpolate]))]),
    stdout: "pipe",
  });
  return JSON.parse(await child.stdout.text());
}

function asWeRead(text: string, use: (conf: Conf) => Conf): Read {
  try {
    const sections = [...use(parseConf(text, "conf"))];
    return Object.fromEntries(
      sections.map(([name, { settings }]) => [
        name,
        Object.fromEntries([...settings].map(([key, { value }]) => [key, value])),
      ]),
    );
  } catch (error) {
    if (error instanceof Failure) return "refused";
    throw error;
  }
}

describe.skipIf(!has("python3"))("configparser", () => {
  test("each input is read as Python reads it, or refused as it is there", async () => {
    const theirs = await asPythonReads(dialect, false);
    expect(dialect.map((text) => [text, asWeRead(text, (conf) => conf)])).toEqual(
      dialect.map((text, number) => [text, theirs[number] ?? "refused"]),
    );
  });

  test("[DEFAULT], %% and %(name)s have their meaning in a conf of s3-sysbackup", async () => {
    const theirs = await asPythonReads(legacy, true);
    for (const text of legacy) expect(isLegacyConf(parseConf(text, "conf"))).toBe(true);
    expect(legacy.map((text) => [text, asWeRead(text, (conf) => legacyConf(conf, "conf"))])).toEqual(
      legacy.map((text, number) => [text, onlyOwn(theirs[number] ?? "refused")]),
    );
  });
});

/** Keys of [DEFAULT] are in all sections there; here only in those that have such a key. */
function onlyOwn(read: Read): Read {
  if (read === "refused") return read;
  const keys: Readonly<Record<string, readonly string[]>> = {
    aws: ["profile", "credentials_file", "role_arn"],
    s3: ["bucket"],
    cloudformation: ["region", "export"],
    content: ["lock_timeout", "days_retained"],
  };
  return Object.fromEntries(
    Object.entries(read).map(([name, values]) => [
      name,
      Object.fromEntries(Object.entries(values).filter(([key]) => keys[name]?.includes(key))),
    ]),
  );
}
