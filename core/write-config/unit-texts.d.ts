/** Types `import text from "….service" with { type: "text" }`: the text of the file, also in the compiled executable. */
declare module "*.service" {
  const text: string;
  export default text;
}
declare module "*.timer" {
  const text: string;
  export default text;
}
declare module "*.conf" {
  const text: string;
  export default text;
}
