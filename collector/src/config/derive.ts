/** What follows from the settings, for those who need it in another shape. */
import { readFileSync } from 'node:fs';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { fedStores, plainStore, type PlainStore } from '../storage/store-config.ts';
import type { Config } from './options.ts';

/** Where people reach the page, without a slash at the end. */
export function externalUrl(config: Config): string {
  if (config['external-url'] !== undefined) return config['external-url'].replace(/\/+$/, '');
  const scheme = config['tls-cert-file'] === undefined ? 'http' : 'https';
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
  return `${scheme}://${host}:${config.listen.port}`;
}

/**
 * Certificate and key in PEM form, undefined when TLS is not configured.
 * @throws AppError BAD_CONFIG when a file cannot be read
 */
export function tlsFiles(config: Config): { readonly cert: string; readonly key: string } | undefined {
  const certFile = config['tls-cert-file'];
  const keyFile = config['tls-key-file'];
  if (certFile === undefined || keyFile === undefined) return undefined;
  try {
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  } catch (error) {
    throw new AppError('BAD_CONFIG', `tls-cert-file, tls-key-file: cannot be read: ${describeError(error)}`);
  }
}

/**
 * The stores that are fed, by name, with their secrets in the open.
 * @throws AppError BAD_CONFIG when a file with a secret cannot be read
 */
export function plainStores(
  config: Pick<Config, 'storage' | 'mirrors'>,
): readonly { readonly name: string; readonly store: PlainStore }[] {
  return fedStores(config).map(({ name, store }) => ({ name, store: plainStore(store, readSecret) }));
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    throw new AppError('BAD_CONFIG', `read the secret of a store from ${file}: ${describeError(error)}`);
  }
}
