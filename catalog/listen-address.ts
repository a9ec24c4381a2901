/** Where the proxy accepts clients. */

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A Unix socket at `directory/.s.PGSQL.port`, where libpq looks for it. */
  | { readonly kind: 'unix'; readonly directory: string; readonly port: number };

export const defaultPort = 6432;

export const listenAddressForm = 'host:port, [IPv6 address]:port, *:port, or the absolute folder of a Unix socket';

/**
 * Reads one address; `*` is every interface. A folder may carry `:port`, else the socket is named after `socketPort`.
 * Undefined when the text is no address.
 */
export function parseListenAddress(text: string, socketPort = defaultPort): ListenAddress | undefined {
  if (text.startsWith('/')) {
    const match = /^(.+?)(?::(\d+))?$/.exec(text);
    const directory = match?.[1];
    const port = match?.[2] === undefined ? socketPort : Number(match[2]);
    return directory === undefined || !isPort(port) ? undefined : { kind: 'unix', directory, port };
  }
  const match = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !isPort(port)) return undefined;
  return { kind: 'tcp', host: host === '*' ? '::' : host, port };
}

/** Port 0 lets the system choose one; a socket's name needs a true one, but tests may listen on both. */
function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}

/** The file of a Unix socket's address. */
export function unixSocketPath(address: { readonly directory: string; readonly port: number }): string {
  return `${address.directory.replace(/\/$/, '')}/.s.PGSQL.${address.port}`;
}

/** All addresses of a list; a folder without a port follows the list's first TCP port. */
export function parseListenAddresses(texts: readonly string[]): readonly (ListenAddress | undefined)[] {
  const first = texts.map((text) => parseListenAddress(text)).find((address) => address?.kind === 'tcp');
  return texts.map((text) => parseListenAddress(text, first?.port ?? defaultPort));
}
