/** Settings that receivers share. */
import * as z from 'zod';
import { Secret } from '@rollcall/shared/lib/secret.ts';

/** Unique among the receivers; names the receiver in logs, in the API and in the messages. */
export const receiverName = z
  .string()
  .regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots or dashes');

/** http or https, without credentials. Counts as a secret, since many are. */
export const secretUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .max(2048)
  .transform((text) => new Secret(text));

/** A word that proves who we are; printable, so that it can stand in a header. */
export const secretWord = z
  .string()
  .regex(/^[\x21-\x7e]{1,4096}$/, 'must be printable characters without blanks')
  .transform((text) => new Secret(text));

/** A password that people chose; blanks count, control characters are refused. */
export const secretText = z
  .string()
  .regex(/^[^\p{Cc}]{1,1024}$/u, 'must be 1 to 1024 characters on one line')
  .transform((text) => new Secret(text));
