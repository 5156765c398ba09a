/** Files that the command line or the configuration names. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** The configuration file, undefined for none. @throws AppError BAD_CONFIG */
export function readConfigFile(
  path: string | undefined,
): { readonly path: string; readonly content: string } | undefined {
  if (path === undefined) return undefined;
  try {
    return { path, content: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new AppError('BAD_CONFIG', `cannot read the configuration file ${path}`, { cause: error });
  }
}

/**
 * The text of a file of certificates, checked, because TLS would take any text and then trust nobody.
 * @throws AppError BAD_CONFIG
 */
export function readAuthorities(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(path, 'utf8');
    // Throws when it does not begin with a certificate.
    void new X509Certificate(text);
    return text;
  } catch (error) {
    throw new AppError('BAD_CONFIG', `ca-file ${path} is not a file of certificates in PEM form`, {
      cause: error,
    });
  }
}
