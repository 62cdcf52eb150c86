import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';

/** A certificate and its private key, as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says; everything has a default. */
export interface CertificateOptions {
  readonly commonName?: string;
  /** DNS names that it is good for. */
  readonly names?: readonly string[];
  /** IPv4 addresses that it is good for. */
  readonly addresses?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const dayMs = 86_400_000;

/** An authority that signs certificates for tests, made anew at every run. Node alone cannot. */
export class Authority {
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name = 'Test authority') {
    const { privateKey } = newKey();
    this.#name = name;
    this.#key = privateKey;
    this.cert = certificate(name, privateKey, name, privateKey, { isAuthority: true });
  }

  /** A certificate that this authority signs. */
  issue(options: CertificateOptions = {}): Identity {
    const { privateKey } = newKey();
    const subject = options.commonName ?? 'Test';
    return {
      cert: certificate(subject, privateKey, this.#name, this.#key, options),
      key: pemOfKey(privateKey),
    };
  }
}

/** A certificate that nobody but itself vouches for. */
export function selfSigned(options: CertificateOptions = {}): Identity {
  const { privateKey } = newKey();
  const subject = options.commonName ?? 'Test';
  return {
    cert: certificate(subject, privateKey, subject, privateKey, options),
    key: pemOfKey(privateKey),
  };
}

function newKey(): { privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** RFC 5280, section 4.1. */
function certificate(
  subject: string,
  subjectKey: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  options: CertificateOptions & { readonly isAuthority?: boolean },
): string {
  const { notBefore = new Date(Date.now() - dayMs), notAfter = new Date(Date.now() + dayMs) } =
    options;
  const ecdsaWithSha256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2));
  const tbs = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    distinguishedName(issuer),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(subject),
    createPublicKey(subjectKey).export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(options))),
  );
  const signature = bits(sign('sha256', tbs, issuerKey));
  const der = sequence(tbs, ecdsaWithSha256, signature).toString('base64');
  const lines = der.match(/.{1,64}/g) as string[];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extensions({
  names = [],
  addresses = [],
  isAuthority = false,
}: CertificateOptions & { readonly isAuthority?: boolean }): Buffer[] {
  const yes = tagged(0x01, Buffer.from([0xff]));
  const basic = sequence(...(isAuthority ? [yes] : []));
  const all = [sequence(oid(2, 5, 29, 19), yes, tagged(0x04, basic))];
  const alternatives = [
    ...names.map((name) => tagged(0x82, Buffer.from(name))),
    ...addresses.map((address) => tagged(0x87, Buffer.from(address.split('.').map(Number)))),
  ];
  if (alternatives.length > 0) {
    all.push(sequence(oid(2, 5, 29, 17), tagged(0x04, sequence(...alternatives))));
  }
  return all;
}

function distinguishedName(commonName: string): Buffer {
  const utf8 = tagged(0x0c, Buffer.from(commonName));
  return sequence(tagged(0x31, sequence(oid(2, 5, 4, 3), utf8)));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, '');
  return tagged(0x18, Buffer.from(digits));
}

/** DER: a tag, the length, the content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** A positive whole number, most significant byte first and below 0x80. */
function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function bits(content: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), content]));
}

function oid(first: number, second: number, ...rest: readonly number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const sevens = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) sevens.unshift(0x80 | (left & 0x7f));
    bytes.push(...sevens);
  }
  return tagged(0x06, Buffer.from(bytes));
}
