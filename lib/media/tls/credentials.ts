import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { type ErrorCode, HoldfastError, messageOf } from '../../errors.ts';
import { optionError } from '../../util/check.ts';

/** Text or bytes in PEM format. */
export type Pem = string | Uint8Array;

/** Certificates and keys, as Node takes them. */
export interface Credentials {
  readonly ca?: Pem | readonly Pem[] | undefined;
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  readonly passphrase?: string | undefined;
}

/** Names of files with certificates and keys. */
export type CredentialFiles = Readonly<Partial<Record<'ca' | 'cert' | 'key', string>>>;

/**
 * Tries whether the credentials can be used, so that what is wrong is known before the first
 * connection. Throws `ERR_HOLDFAST_OPTION`; the key itself is never in the error.
 */
export function checkCredentials({ ca, cert, key, passphrase }: Credentials): void {
  if ((cert === undefined) !== (key === undefined)) {
    throw optionError('Of the tls options "cert" and "key" both must be given, or none');
  }
  if (passphrase !== undefined && key === undefined) {
    throw optionError('The tls option "passphrase" is of use only with "key"');
  }
  for (const one of listOf(ca)) certificateOf('ca', one);
  if (cert === undefined || key === undefined) return;
  const certificate = certificateOf('cert', cert);
  if (!certificate.checkPrivateKey(privateKeyOf(key, passphrase))) {
    throw optionError('The tls option "key" does not belong to the certificate in "cert"');
  }
}

/** The credentials as Node takes them, for both ends, with the lowest version of TLS. */
export function secureContextOptions(credentials: Credentials): SecureContextOptions {
  const { ca, cert, key, passphrase } = credentials;
  return {
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: listOf(ca).map(nodePem) }),
    ...(cert === undefined || key === undefined ? {} : { cert: nodePem(cert), key: nodePem(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function nodePem(pem: Pem): string | Buffer {
  return typeof pem === 'string' ? pem : Buffer.from(pem);
}

/** The authorities' certificates as a list. */
export function listOf(ca: Credentials['ca']): readonly Pem[] {
  if (ca === undefined) return [];
  return typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : ca;
}

/** Reads the files anew, since certificates are renewed; rejects with an error of the given code. */
export async function readCredentials(
  files: CredentialFiles,
  code: ErrorCode,
): Promise<Credentials> {
  const read = async (name: keyof CredentialFiles): Promise<Buffer | undefined> => {
    const path = files[name];
    if (path === undefined) return undefined;
    try {
      return await readFile(path);
    } catch (cause) {
      const message = `Cannot read the ${inWords[name]} ${path}: ${messageOf(cause)}`;
      throw new HoldfastError(code, message, { final: true, cause });
    }
  };
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
  const credentials: Credentials = { ca, cert, key };
  try {
    checkCredentials(credentials);
  } catch (error) {
    const paths = Object.values(files).join(', ');
    const message = `Cannot use the files ${paths}: ${messageOf(error)}`;
    throw new HoldfastError(code, message, { final: true });
  }
  return credentials;
}

const inWords: Readonly<Record<keyof CredentialFiles, string>> = {
  ca: "authority's certificate",
  cert: 'certificate',
  key: 'private key',
};

function certificateOf(name: string, pem: Pem): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw optionError(`The tls option "${name}" has no certificate in PEM format`);
  }
}

/** Without the cause of what goes wrong: it is about a secret. */
function privateKeyOf(key: Pem, passphrase: string | undefined): KeyObject {
  const bytes = nodePem(key);
  try {
    return createPrivateKey(passphrase === undefined ? bytes : { key: bytes, passphrase });
  } catch {
    if (passphrase !== undefined) {
      throw optionError('The tls option "key" cannot be read with this "passphrase"');
    }
    const isEncrypted = bytes.includes('ENCRYPTED');
    throw optionError(
      isEncrypted
        ? 'The tls option "key" is encrypted: give its "passphrase" too'
        : 'The tls option "key" has no private key in PEM format',
    );
  }
}
