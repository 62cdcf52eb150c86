import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import {
  fingerprint,
  hostLine,
  hostName,
  keyType,
  lookUpHost,
} from '../../../lib/media/ssh/known-hosts.ts';
import { seededBytes } from '../../support/recorder.ts';

/** A key of the form that SSH gives it, with a body of noise. */
function keyOf(seed: number, type = 'ssh-ed25519'): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), seededBytes(seed, 36)]);
}

const one = keyOf(1);
const encoded = one.toString('base64');
const plain = `ssh-ed25519 ${encoded}`;
const salt = seededBytes(7, 20);

function hashed(name: string, saltBytes: Buffer = salt): string {
  const hash = createHmac('sha1', saltBytes).update(name).digest('base64');
  return `|1|${saltBytes.toString('base64')}|${hash}`;
}

/** What is looked up, the lines, and how many keys are found. */
const lookUps: readonly (readonly [what: string, name: string, text: string, count: number])[] = [
  ['a plain name', 'host', `host ${plain}`, 1],
  ['another name', 'host', `hosts ${plain}`, 0],
  ['a name without regard to case', 'host', `HoSt ${plain}`, 1],
  ['a list', 'host', `a,b,host,c ${plain}`, 1],
  ['a list with empty places', 'host', `,,host,, ${plain}`, 1],
  ['an address', '192.0.2.7', `host,192.0.2.7 ${plain}`, 1],
  ['an IPv6 address', '2001:db8::7', `2001:db8::7 ${plain}`, 1],
  ['a port', '[host]:2222', `[host]:2222 ${plain}`, 1],
  ['a port, not the name alone', '[host]:2222', `host ${plain}`, 0],
  ['the name alone, not a port', 'host', `[host]:2222 ${plain}`, 0],
  ['a star', 'a.example.org', `*.example.org ${plain}`, 1],
  ['a star that is all', 'host', `* ${plain}`, 1],
  ['stars that must go back', 'axbxbxc', `a*b*c ${plain}`, 1],
  ['stars that go back in vain', 'axbxbx', `a*b*c ${plain}`, 0],
  ['a star that wants more', 'example.org', `*.example.org ${plain}`, 0],
  ['a star and a port', '[a.example.org]:22022', `[*.example.org]:22022 ${plain}`, 1],
  ['a question mark', 'host1', `host? ${plain}`, 1],
  ['a question mark that finds nothing', 'host', `host? ${plain}`, 0],
  ['a dot that is no wildcard', 'hostx', `host. ${plain}`, 0],
  ['brackets that are no class', 'b', `[abc] ${plain}`, 0],
  ['a negation', 'bad.example.org', `*.example.org,!bad.example.org ${plain}`, 0],
  ['a negation that comes first', 'bad.example.org', `!bad.*,*.example.org ${plain}`, 0],
  ['a negation of another', 'good.example.org', `*.example.org,!bad.example.org ${plain}`, 1],
  ['a negation alone', 'host', `!other ${plain}`, 0],
  ['a hashed name', 'host', `${hashed('host')} ${plain}`, 1],
  ['a hashed port', '[host]:2222', `${hashed('[host]:2222')} ${plain}`, 1],
  ['another hashed name', 'host', `${hashed('other')} ${plain}`, 0],
  ['hashed names among others', 'host', `${hashed('x')} ${plain}\n${hashed('host')} ${plain}`, 1],
  [
    'several keys',
    'host',
    `host ${plain}\nhost ssh-rsa ${keyOf(2, 'ssh-rsa').toString('base64')}`,
    2,
  ],
  ['the same key twice', 'host', `host ${plain}\nhost ${plain}`, 2],
  ['a comment behind the key', 'host', `host ${plain} me@there and more`, 1],
  ['comments and empty lines', 'host', `# host ${plain}\n\n   \n  # x\nhost ${plain}\n`, 1],
  ['lines that begin with spaces', 'host', `   \thost ${plain}`, 1],
  ['several spaces and tabs', 'host', `host \t  ssh-ed25519\t\t${encoded}`, 1],
  ['line ends of Windows', 'host', `host ${plain}\r\nhost ${plain}\r\n`, 2],
  ['a last line without an end', 'host', `x ${plain}\nhost ${plain}`, 1],
  ['an empty text', 'host', '', 0],
];

/** Lines that say nothing, each before and behind a good one. */
const badLines: readonly (readonly [what: string, line: string])[] = [
  ['a name alone', 'host'],
  ['a name and a type', 'host ssh-ed25519'],
  ['a key that is no base64', 'host ssh-ed25519 ????'],
  ['a key with a newline in disguise', `host ssh-ed25519 ${encoded.slice(0, 20)}\\n${encoded}`],
  ['a key that is too short', 'host ssh-ed25519 AAAA'],
  ['a key that names another type', `host ssh-rsa ${encoded}`],
  [
    'a key whose length lies',
    `host ssh-ed25519 ${Buffer.from([255, 255, 255, 255, 1]).toString('base64')}`,
  ],
  ['a type that is not text', `host \u0000 ${keyOf(3, '\u0000').toString('base64')}`],
  ['an unknown marker', `@trusted host ${plain}`],
  ['a marker alone', '@revoked'],
  ['a marker and a name', '@cert-authority host'],
  ['two markers', `@revoked @revoked host ${plain}`],
  ['a key of SSH 1', 'host 1024 35 123456789012345678901234567890'],
  ['an unknown kind of hash', `${hashed('host').replace('|1|', '|2|')} ${plain}`],
  ['a hash without a salt', `|1||${salt.toString('base64')} ${plain}`],
  ['a hash without a hash', `|1|${salt.toString('base64')} ${plain}`],
  ['a hash of another length', `|1|${salt.toString('base64')}|AAAA ${plain}`],
  ['a hash with a tail', `${hashed('host')}|x ${plain}`],
  ['bars', `|||||||| ${plain}`],
  ['a hash in a list', `other,${hashed('host')} ${plain}`],
  ['an empty negation', `! ${plain}`],
  ['only commas', `,,,, ${plain}`],
  ['zero bytes', `\u0000host\u0000 ${plain}`],
  ['a line that is too long', `host,${'x'.repeat(20_000)} ${plain}`],
  ['noise', seededBytes(9, 5_000).toString('latin1').replaceAll('\n', ' ')],
  ['half a character', '\ud800 \udfff \ud800'],
  ['__proto__', `__proto__,constructor ${plain}`],
];

function found(name: string, text: string): readonly number[] {
  const { keys } = lookUpHost([{ file: 'f', text }], name);
  for (const { key } of keys) expect(keyType(key)).to.be.a('string');
  return keys.map(({ line }) => line);
}

describe('known_hosts', () => {
  for (const [what, name, text, count] of lookUps) {
    it(`finds ${what}: ${count} ${count === 1 ? 'key' : 'keys'}`, () => {
      expect(found(name, text)).to.have.length(count);
    });
  }

  for (const [what, line] of badLines) {
    it(`passes over ${what}`, () => {
      expect(found('host', line)).to.deep.equal([]);
      expect(found('host', `host ${plain}\n${line}\nhost ${plain}`)).to.deep.equal([1, 3]);
    });
  }

  it('names the file and the line of each key', () => {
    const texts = [
      { file: 'first', text: `# nothing\nhost ${plain}` },
      { file: 'second', text: `\n\nhost ${plain}` },
    ];
    const { keys } = lookUpHost(texts, 'host');
    expect(keys.map(({ file, line, type }) => `${file} ${line} ${type}`)).to.deep.equal([
      'first 2 ssh-ed25519',
      'second 3 ssh-ed25519',
    ]);
    expect(keys[0]?.key.equals(one)).to.equal(true);
  });

  it('keeps revoked keys and certificate authorities apart from keys', () => {
    const text = `@revoked * ${plain}\n@cert-authority *.org ${plain}\nhost.org ${plain}`;
    const { keys, revoked, authorities } = lookUpHost([{ file: 'f', text }], 'host.org');
    const lines = [keys, revoked, authorities].map((list) => list.map(({ line }) => line));
    expect(lines).to.deep.equal([[3], [1], [2]]);
  });

  it('stays quick where patterns are made to be slow', () => {
    const pattern = 'a*'.repeat(400).slice(0, 800);
    const line = `${`${pattern}b,`.repeat(10)} ${plain}`;
    const text = `${line}\n`.repeat(50);
    const before = process.cpuUsage();
    expect(found('a'.repeat(255), text)).to.deep.equal([]);
    expect(process.cpuUsage(before).user).to.be.below(2_000_000);
  });

  it('never throws, whatever a file is made of', () => {
    const parts = ['host', ' ', '\n', '|1|', '@revoked', ',', '!', '*', '?', '[', ']:', encoded];
    const noise = [...parts, 'ssh-ed25519', '\u0000', '#', '=', '\r', '\t', '\ud800', '|'];
    for (let seed = 1; seed <= 300; seed++) {
      const text = [...seededBytes(seed, 200)].map((byte) => noise[byte % noise.length]).join('');
      for (const name of ['host', '[host]:22022', '', '|1|', '*']) {
        const { keys, revoked, authorities } = lookUpHost([{ file: 'f', text }], name);
        for (const { key, type } of [...keys, ...revoked, ...authorities]) {
          expect(keyType(key)).to.equal(type);
        }
      }
    }
  });

  it('names hosts as OpenSSH does', () => {
    expect(hostName('Host.Example', 22)).to.equal('host.example');
    expect(hostName('Host.Example', 2222)).to.equal('[host.example]:2222');
    expect(hostName('2001:DB8::1', 22)).to.equal('2001:db8::1');
  });

  it('makes lines that it finds again', () => {
    for (const name of ['host', '[host]:2222', '[2001:db8::1]:2222']) {
      expect(found(name, hostLine(name, one))).to.deep.equal([1]);
    }
  });

  it('shows fingerprints as OpenSSH does', () => {
    // ssh-keygen -lf says this of the key.
    const known = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
    expect(fingerprint(Buffer.from(known, 'base64'))).to.equal(
      'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
    );
  });
});
