/** Types `import text from "…/pickers.d/etc" with { type: "text" }`: the text of the file, also in the compiled executable. */
declare module "*/pickers.d/etc" {
  const text: string;
  export default text;
}
