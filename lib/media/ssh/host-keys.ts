import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, HoldfastError, messageOf } from '../../errors.ts';
import {
  fingerprint,
  type HostKeyLine,
  type HostRecord,
  hostLine,
  hostName,
  type KnownHostsText,
  keyType,
  lookUpHost,
} from './known-hosts.ts';

/** Where the known hosts stand, and what becomes of an unknown one. */
export interface HostKeySource {
  /** Lines in the format of `known_hosts`, instead of files. */
  readonly text: string | undefined;
  /** Files in the order in which they are read; a new host is added to the first. */
  readonly files: readonly string[];
  readonly unknownHost: 'refuse' | 'accept-new';
}

/** The host's keys as they are known at the time of one dial. */
export interface HostKeys {
  /** Algorithms to ask for: those of known keys first. */
  readonly algorithms: readonly string[];
  /** Judges the key that the server shows. Returns why it must not be used, or undefined. */
  check(key: Buffer): HoldfastError | undefined;
  /**
   * To be called when the server has proved that it has the key: remembers it if it is new. At once,
   * so that no channel is open to a host that could not be remembered. Throws when it cannot be.
   */
  remember(): void;
}

/** A larger file is not read: nobody has so many hosts, and looking through it takes time. */
const maxFileBytes = 16 * 1024 * 1024;

/** What is asked for when nothing is known, in order; the names of ssh2. */
const defaultAlgorithms: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

/** Reads what is known of a host. Rejects when a file exists and cannot be read. */
export async function loadHostKeys(
  source: HostKeySource,
  host: string,
  port: number,
): Promise<HostKeys> {
  const texts = await readTexts(source);
  const name = hostName(host, port);
  const record = lookUpHost(texts, name);
  // A host on another port may be the one that is known by its name alone, as with OpenSSH; but not
  // where keys are known for the port.
  const plain = name === host.toLowerCase() ? noRecord : lookUpHost(texts, hostName(host, 22));
  return new Judge(source, name, record, plain);
}

const noRecord: HostRecord = { keys: [], revoked: [], authorities: [] };

class Judge implements HostKeys {
  readonly algorithms: readonly string[];
  readonly #source: HostKeySource;
  readonly #name: string;
  readonly #record: HostRecord;
  readonly #plain: HostRecord;
  /** What the server showed first; it must show the same when the keys are exchanged again. */
  #accepted: Buffer | undefined;
  #isNew = false;

  constructor(source: HostKeySource, name: string, record: HostRecord, plain: HostRecord) {
    this.#source = source;
    this.#name = name;
    this.#record = record;
    this.#plain = plain;
    const lines = record.keys.length > 0 ? record.keys : plain.keys;
    const known = new Set(lines.flatMap(({ type }) => algorithmsOf(type)));
    this.algorithms = [
      ...defaultAlgorithms.filter((algorithm) => known.has(algorithm)),
      ...defaultAlgorithms.filter((algorithm) => !known.has(algorithm)),
    ];
  }

  check(key: Buffer): HoldfastError | undefined {
    const accepted = this.#accepted;
    if (accepted?.equals(key)) return undefined;
    if (accepted !== undefined) return this.#refuse(key, 'is another one than it was a moment ago');
    const { keys, revoked, authorities } = this.#record;
    const isKey = (line: HostKeyLine): boolean => line.key.equals(key);
    const revocation = [...revoked, ...this.#plain.revoked].find(isKey);
    if (revocation !== undefined) {
      return this.#refuse(key, `is revoked by ${place(revocation)}: do not connect with it`);
    }
    const known = keys.length > 0 ? keys : this.#plain.keys;
    if (known.some(isKey)) {
      this.#accepted = key;
      return undefined;
    }
    const other = keys.find(({ type }) => type === keyType(key)) ?? keys[0];
    if (other !== undefined) return this.#changed(key, other);
    const authority = [...authorities, ...this.#plain.authorities][0];
    if (authority !== undefined || this.#source.unknownHost !== 'accept-new') {
      return this.#unknown(key, authority);
    }
    this.#accepted = key;
    this.#isNew = true;
    return undefined;
  }

  remember(): void {
    const key = this.#accepted;
    const file = this.#source.files[0];
    if (!this.#isNew || key === undefined || file === undefined) return;
    this.#isNew = false;
    try {
      appendLine(file, hostLine(this.#name, key));
    } catch (error) {
      const why = `is new and cannot be added to ${file} (${messageOf(error)})`;
      throw this.#refuse(key, why, error);
    }
  }

  #changed(key: Buffer, other: HostKeyLine): HoldfastError {
    const known = `${other.type} ${fingerprint(other.key)} in ${place(other)}`;
    const why =
      other.type === keyType(key)
        ? `has changed: known is ${known}. Somebody may be in between. If the change is right, replace that line`
        : `is of another type than the known one, ${known}. Somebody may be in between. If the key is right, add the line "${hostLine(this.#name, key)}"`;
    return this.#refuse(key, why);
  }

  #unknown(key: Buffer, authority: HostKeyLine | undefined): HoldfastError {
    const { text, files } = this.#source;
    const target = text === undefined && files[0] !== undefined ? `to ${files[0]}` : 'to those';
    const advice = `If the fingerprint is right, add the line "${hostLine(this.#name, key)}" ${target}`;
    if (authority !== undefined) {
      const why = `is not known itself; ${place(authority)} names a certificate authority, but this medium cannot check host certificates. ${advice}, or use openssh://`;
      return this.#refuse(key, why);
    }
    const where =
      text === undefined ? `in ${files.join(', ') || 'any file'}` : 'among the given ones';
    const choice = text === undefined ? ', or set unknownHost to "accept-new"' : '';
    return this.#refuse(key, `is not known ${where}. ${advice}${choice}`);
  }

  #refuse(key: Buffer, why: string, cause?: unknown): HoldfastError {
    const shown = `${keyType(key) ?? 'unreadable'} ${fingerprint(key)}`;
    const message = `Host key of ${this.#name} (${shown}) ${why}`;
    return new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true, cause });
  }
}

function place({ file, line }: HostKeyLine): string {
  return `${file} line ${line}`;
}

/** What to ask for so as to be shown a key of this type. */
function algorithmsOf(type: string): readonly string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type];
}

async function readTexts({ text, files }: HostKeySource): Promise<KnownHostsText[]> {
  if (text !== undefined) return [{ file: 'knownHosts', text }];
  const texts: KnownHostsText[] = [];
  for (const file of files) {
    try {
      const { size } = await stat(file);
      if (size > maxFileBytes) throw new Error(`it has more than ${maxFileBytes} bytes`);
      texts.push({ file, text: await readFile(file, 'utf8') });
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) continue;
      // A key may be revoked there: without the file nothing can be said.
      const message = `Cannot read the known hosts in ${file}: ${messageOf(error)}`;
      throw new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true, cause: error });
    }
  }
  return texts;
}

function appendLine(file: string, line: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // A last line without an end must not become a part of what is appended.
  const gap = /[^\n]$/.test(textOf(file)) ? '\n' : '';
  appendFileSync(file, `${gap}${line}\n`, { mode: 0o600 });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
