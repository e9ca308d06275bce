/** The part of the package that is used: it has no types of its own. */
declare module "proxy-from-env" {
  /** Returns the proxy that the environment names for a URL; empty for none. */
  export function getProxyForUrl(url: string): string;
}
