/** The address of the page of a host: its parts keep their choices side by side in the query. Pure. */

/** `path` with the query of before, and these values instead of the ones of the same name. */
export function addressWith(
  path: string,
  query: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string>>,
): string {
  return `${path}?${new URLSearchParams({ ...query, ...changes }).toString()}`;
}
