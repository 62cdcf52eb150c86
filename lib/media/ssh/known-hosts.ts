import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Where a line stands, for errors. */
export interface LinePlace {
  /** The file's path, or what its text was given as. */
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
}

/** A line that is about a key of the host that was looked up. */
export interface HostKeyLine extends LinePlace {
  /** E.g. `ssh-ed25519`. */
  readonly type: string;
  /** The public key in SSH's own form. */
  readonly key: Buffer;
}

/** What the files say of one host. */
export interface HostRecord {
  /** Keys that the host may have. */
  readonly keys: readonly HostKeyLine[];
  /** Keys that nobody may have any more. */
  readonly revoked: readonly HostKeyLine[];
  /** Authorities that may certify the host. */
  readonly authorities: readonly HostKeyLine[];
}

/** The text of one `known_hosts` file. */
export interface KnownHostsText {
  readonly file: string;
  readonly text: string;
}

/** No key is nearly as long; what is longer is noise. */
const maxLineLength = 16 * 1024;

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Looks a host up as OpenSSH does: plain and hashed names, lists, wildcards, negation, markers.
 * A line that cannot be read is passed over; no text makes it throw.
 *
 * @param name as {@link hostName} gives it
 */
export function lookUpHost(texts: readonly KnownHostsText[], name: string): HostRecord {
  const keys: HostKeyLine[] = [];
  const revoked: HostKeyLine[] = [];
  const authorities: HostKeyLine[] = [];
  for (const { file, text } of texts) {
    let line = 0;
    for (const content of text.split('\n')) {
      line++;
      const parsed = parseLine(content, name);
      if (parsed === undefined) continue;
      const { marker, type, key } = parsed;
      const found = { file, line, type, key };
      if (marker === '@revoked') revoked.push(found);
      else if (marker === '@cert-authority') authorities.push(found);
      else keys.push(found);
    }
  }
  return { keys, revoked, authorities };
}

/** A host as `known_hosts` names it: in small letters, with the port unless it is 22. */
export function hostName(host: string, port: number): string {
  const small = host.toLowerCase();
  return port === 22 ? small : `[${small}]:${port}`;
}

/** A line that makes the key known. */
export function hostLine(name: string, key: Buffer): string {
  return `${name} ${keyType(key) ?? 'unknown'} ${key.toString('base64')}`;
}

/** A key's fingerprint as OpenSSH shows it. */
export function fingerprint(key: Buffer): string {
  const digest = createHash('sha256').update(key).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

/** The type that a public key names itself; undefined when it is none. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE();
  if (length === 0 || length > 64 || key.length < 4 + length) return undefined;
  const type = key.toString('latin1', 4, 4 + length);
  return /^[\x21-\x7e]+$/.test(type) ? type : undefined;
}

interface ParsedLine {
  readonly marker: string | undefined;
  readonly type: string;
  readonly key: Buffer;
}

/** What a line says of the host; undefined when it says nothing of it. */
function parseLine(content: string, name: string): ParsedLine | undefined {
  if (content.length > maxLineLength) return undefined;
  const fields = content.trim().split(/[ \t]+/);
  const first = fields[0] ?? '';
  if (first === '' || first.startsWith('#')) return undefined;
  const marker = first.startsWith('@') ? fields.shift() : undefined;
  if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority') {
    return undefined;
  }
  const [hosts, type, encoded] = fields;
  if (hosts === undefined || type === undefined || encoded === undefined) return undefined;
  if (!base64.test(encoded) || !namesHost(hosts, name)) return undefined;
  const key = Buffer.from(encoded, 'base64');
  return keyType(key) === type ? { marker, type, key } : undefined;
}

/** Whether the first field of a line is about the host. */
function namesHost(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return isHashOf(hosts, name);
  let isNamed = false;
  for (const pattern of hosts.toLowerCase().split(',')) {
    if (pattern.startsWith('!')) {
      if (matches(pattern.slice(1), name)) return false;
    } else if (pattern !== '' && matches(pattern, name)) {
      isNamed = true;
    }
  }
  return isNamed;
}

/** `|1|salt|hash`: HMAC-SHA1 of the name with the salt as its key. */
function isHashOf(field: string, name: string): boolean {
  const [, version, salt = '', hash = '', ...rest] = field.split('|');
  if (version !== '1' || rest.length > 0 || !base64.test(salt) || !base64.test(hash)) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** `*` stands for any text, `?` for one character. Never more than length times length steps. */
function matches(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  let index = 0;
  while (index < name.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at++;
      resumeAt = index;
    } else if (wanted === '?' || wanted === name[index]) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
