import { describe, expect, test } from "bun:test";
import { parse } from "../../lint/sources.ts";
import { doubledTypeNames } from "../../lint/type-names.ts";

const sources = (...texts: string[]) => texts.map((text, at) => parse(`core/${"abc"[at]}.ts`, text));

describe("a type name that is declared twice is reported", () => {
  test.each([
    ["as exported types", "export type X = 1;", "export type X = 2;"],
    ["as types of the file alone", "type X = 1;", "type X = 2;"],
    ["as a type and an interface", "type X = 1;", "interface X { a: 1 }"],
    ["as a type and a class", "type X = 1;", "class X {}"],
    ["as a type and an enum", "type X = 1;", "enum X { A }"],
    ["inside a function", "type X = 1;", "function f() { type X = 2; }"],
    ["inside a declared module", "type X = 1;", 'declare module "m" { type X = 2; }'],
  ])("a type name that is declared twice is reported: %s", (_name, one, other) => {
    expect(doubledTypeNames(sources(one, other))).toEqual(["type X is declared 2 times: core/a.ts, core/b.ts"]);
  });

  test("a type name that is declared twice within one file is reported", () => {
    const twice = "function f() { type X = 1; }\nfunction g() { type X = 2; }";
    expect(doubledTypeNames(sources(twice))).toEqual(["type X is declared 2 times: core/a.ts, core/a.ts"]);
  });
});

test("a type name that is declared once and used elsewhere is fine", () => {
  const uses = 'import type { X } from "./a.ts";\nexport type { X } from "./a.ts";\nexport const x: X = 1;';
  expect(doubledTypeNames(sources("export type X = 1; export const X = 1;", uses))).toEqual([]);
});

test("a type parameter and a variable are no declarations of a type", () => {
  expect(doubledTypeNames(sources("type X = 1;", "const X = 1;", "type Y<X> = X;"))).toEqual([]);
});
