import ssh2 from 'ssh2';
import { fingerprint } from '../../lib/media/ssh/known-hosts.ts';

const { generateKeyPairSync, parseKey } = ssh2.utils;

/** A key pair made for one run. */
export interface KeyPair {
  readonly private: string;
  /** As it stands in `authorized_keys` and, behind a host's name, in `known_hosts`. */
  readonly public: string;
  /** The public key in SSH's own form. */
  readonly blob: Buffer;
  readonly fingerprint: string;
}

/** Makes a key pair; RSA takes its time. */
export function makeKey(
  type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519',
  passphrase?: string,
): KeyPair {
  const options = {
    ...(type === 'ecdsa' ? { bits: 256 } : {}),
    ...(type === 'rsa' ? { bits: 2048 } : {}),
    ...(passphrase === undefined ? {} : { passphrase, cipher: 'aes256-ctr', rounds: 1 }),
  };
  let pair = generateKeyPairSync(type as 'rsa', options as { bits: number });
  // ssh2 cuts a key that begins with a zero byte short, three times in a thousand.
  while (parseKey(pair.private, passphrase) instanceof Error) {
    pair = generateKeyPairSync(type as 'rsa', options as { bits: number });
  }
  const blob = Buffer.from(pair.public.split(' ')[1] as string, 'base64');
  return {
    private: pair.private,
    public: pair.public.trim(),
    blob,
    fingerprint: fingerprint(blob),
  };
}
