/** Settings of the stores that samples can be kept in, or be written to as well. */
import * as z from 'zod';
import { Secret } from '@rollcall/shared/lib/secret.ts';

const storeUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .max(2_048)
  .refine(
    (text) => !text.includes('@') && !text.includes('?'),
    'must have no credentials and no query: name the user, password or token in their own settings',
  );

const storeName = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots or dashes');

/** What a server uses as the name of a database, bucket, organisation, user or tenant. */
const word = z
  .string()
  .min(1, 'must not be empty')
  .max(256, 'must have at most 256 characters')
  .regex(/^[^\p{Cc}]+$/u, 'must have no control characters');

const secret = z
  .string()
  .regex(/^[\x20-\x7e]{1,4096}$/, 'must be printable characters')
  .transform((text) => new Secret(text));

const secretFile = z.string({ error: 'must be the path of a file' }).min(1, 'must be the path of a file');

/** A user with a password; the file's first line is the password. */
const user = {
  username: word.optional(),
  password: secret.optional(),
  passwordFile: secretFile.optional(),
};

/** Who really answers: they read line protocol in slightly different ways. */
const server = z
  .enum(['influxdb', 'victoria-metrics'], { error: 'must be influxdb or victoria-metrics' })
  .default('influxdb');

const embedded = { kind: z.literal('embedded') };

const influxV1 = {
  kind: z.literal('influx-v1'),
  /** Of the server; a path in front of `/write` is kept. */
  url: storeUrl,
  database: word.default('rollcall'),
  /** The database's default one unless given. */
  retentionPolicy: word.optional(),
  server,
  ...user,
};

const influxV2 = {
  kind: z.literal('influx-v2'),
  url: storeUrl,
  org: word,
  bucket: word.default('rollcall'),
  server,
  token: secret.optional(),
  tokenFile: secretFile.optional(),
};

const prometheus = {
  kind: z.literal('prometheus'),
  /** Of the query API, without `/api/v1/…`. */
  url: storeUrl,
  /** Of remote write; `/api/v1/write` below `url` unless given. */
  writeUrl: storeUrl.optional(),
  /** Sent as `X-Scope-OrgID`. */
  tenant: word.optional(),
  bearerToken: secret.optional(),
  bearerTokenFile: secretFile.optional(),
  ...user,
};

const KINDS_HELP = 'must be embedded, influx-v1, influx-v2 or prometheus';

/** Where samples are read from. Anything but `embedded` is also written to. */
export const storageConfigSchema = z.discriminatedUnion(
  'kind',
  [z.strictObject(embedded), z.strictObject(influxV1), z.strictObject(influxV2), z.strictObject(prometheus)],
  { error: KINDS_HELP },
);
export type StorageConfig = Readonly<z.output<typeof storageConfigSchema>>;

/** A store that is only written to. */
export const mirrorConfigSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ name: storeName, ...influxV1 }),
    z.strictObject({ name: storeName, ...influxV2 }),
    z.strictObject({ name: storeName, ...prometheus }),
  ],
  { error: 'must be influx-v1, influx-v2 or prometheus' },
);
export type MirrorConfig = Readonly<z.output<typeof mirrorConfigSchema>>;

export type InfluxV1Config = Readonly<z.output<z.ZodObject<typeof influxV1>>>;
export type InfluxV2Config = Readonly<z.output<z.ZodObject<typeof influxV2>>>;
export type PrometheusConfig = Readonly<z.output<z.ZodObject<typeof prometheus>>>;
/** A store outside of the collector. */
export type StoreConfig = InfluxV1Config | InfluxV2Config | PrometheusConfig;

/** The name under which the store of the setting `storage` is fed; no mirror can have it. */
export const MAIN_STORE = 'storage';

/** Every store that is written to, by its name. */
export function fedStores(config: {
  readonly storage: StorageConfig;
  readonly mirrors: readonly MirrorConfig[];
}): readonly { readonly name: string; readonly store: StoreConfig }[] {
  const { storage, mirrors } = config;
  return [
    ...(storage.kind === 'embedded' ? [] : [{ name: MAIN_STORE, store: storage }]),
    ...mirrors.map((store) => ({ name: store.name, store })),
  ];
}

/** A store's settings with its secrets in the open, for the thread that writes to it. Never printed. */
export type PlainStore =
  | {
      readonly kind: 'influx-v1';
      readonly url: string;
      readonly database: string;
      readonly retentionPolicy?: string | undefined;
      readonly server: InfluxV1Config['server'];
      readonly username?: string | undefined;
      readonly password?: string | undefined;
    }
  | {
      readonly kind: 'influx-v2';
      readonly url: string;
      readonly org: string;
      readonly bucket: string;
      readonly server: InfluxV2Config['server'];
      readonly token?: string | undefined;
    }
  | {
      readonly kind: 'prometheus';
      readonly url: string;
      readonly writeUrl: string;
      readonly tenant?: string | undefined;
      readonly bearerToken?: string | undefined;
      readonly username?: string | undefined;
      readonly password?: string | undefined;
    };

/**
 * The settings with secrets as plain texts.
 * @param readSecret gives the text of a file without line breaks at its end
 * @throws AppError BAD_CONFIG (from `readSecret`) when a file cannot be read
 */
export function plainStore(store: StoreConfig, readSecret: (file: string) => string): PlainStore {
  const plain = (word: Secret | undefined, file: string | undefined): string | undefined =>
    word?.reveal() ?? (file === undefined ? undefined : readSecret(file));
  switch (store.kind) {
    case 'influx-v1': {
      const { kind, url, database, retentionPolicy, server: reader, username } = store;
      const password = plain(store.password, store.passwordFile);
      return { kind, url, database, retentionPolicy, server: reader, username, password };
    }
    case 'influx-v2': {
      const { kind, url, org, bucket, server: reader } = store;
      return { kind, url, org, bucket, server: reader, token: plain(store.token, store.tokenFile) };
    }
    case 'prometheus': {
      const { kind, url, tenant, username } = store;
      return {
        kind,
        url,
        writeUrl: store.writeUrl ?? `${url.replace(/\/+$/, '')}/api/v1/write`,
        tenant,
        username,
        bearerToken: plain(store.bearerToken, store.bearerTokenFile),
        password: plain(store.password, store.passwordFile),
      };
    }
  }
}
