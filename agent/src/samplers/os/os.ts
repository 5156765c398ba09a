/** Parses os-release(5), a list of shell assignments. */

/** The keys of `node_os_info`'s labels, in the order of the labels. */
const INFO_KEYS = [
  'BUILD_ID',
  'ID',
  'ID_LIKE',
  'IMAGE_ID',
  'IMAGE_VERSION',
  'NAME',
  'PRETTY_NAME',
  'VARIANT',
  'VARIANT_ID',
  'VERSION',
  'VERSION_CODENAME',
  'VERSION_ID',
] as const;

export interface OsRelease {
  /** Label values of `node_os_info`; empty text for keys that are not there. */
  readonly info: readonly string[];
  readonly id: string;
  readonly idLike: string;
  readonly name: string;
  /** Major and minor version as a decimal number; undefined for systems without versions. */
  readonly version: number | undefined;
}

const ASSIGNMENT = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/;
const QUOTED = /^(["'])(.*)\1$/s;
const ESCAPED = /\\(["'$`\\])/g;
const VERSION = /^[0-9]+(\.[0-9]+)?/;

/** Never fails: lines that are not assignments are ignored, as os-release(5) demands. */
export function parseOsRelease(text: string): OsRelease {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = ASSIGNMENT.exec(line);
    if (match !== null) values.set(match[1] ?? '', unquote(match[2] ?? ''));
  }
  const version = VERSION.exec(values.get('VERSION_ID') ?? '');
  return {
    info: INFO_KEYS.map((key) => values.get(key) ?? ''),
    id: values.get('ID') ?? '',
    idLike: values.get('ID_LIKE') ?? '',
    name: values.get('NAME') ?? '',
    version: version === null ? undefined : Number(version[0]),
  };
}

function unquote(value: string): string {
  const quoted = QUOTED.exec(value);
  const inner = quoted === null ? value : (quoted[2] ?? '');
  // Single quotes keep everything as it is.
  return quoted?.[1] === "'" ? inner : inner.replaceAll(ESCAPED, '$1');
}
