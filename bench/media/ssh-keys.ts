import ssh2 from 'ssh2';

const { generateKeyPairSync, parseKey } = ssh2.utils;

/** A key pair for one run. */
export interface KeyPair {
  readonly privateKey: string;
  /** As it stands in `authorized_keys`: the type, a space, the key in base64. */
  readonly publicKey: string;
}

/** Makes a key pair. */
export function makeKeyPair(): KeyPair {
  let pair = generateKeyPairSync('ed25519');
  // ssh2 cuts a key that begins with a zero byte short, three times in a thousand.
  while (parseKey(pair.private) instanceof Error) pair = generateKeyPairSync('ed25519');
  return { privateKey: pair.private, publicKey: pair.public.trim() };
}

/** The key alone, in base64. */
export function blobOf({ publicKey }: KeyPair): string {
  return publicKey.split(' ')[1] ?? '';
}
