import { isDeepStrictEqual } from 'node:util';
import { type ErrorCode, isHoldfastError } from '../../lib/index.ts';
import { parseUserSettings } from '../../lib/media/openssh/arguments.ts';
import { resolveOpensshOptions } from '../../lib/media/openssh/options.ts';
import { resolvePipeOptions } from '../../lib/media/pipe/options.ts';
import { parsePipeUrl, pipeUrl } from '../../lib/media/pipe/url.ts';
import { hostName, keyType, lookUpHost } from '../../lib/media/ssh/known-hosts.ts';
import { resolveSshOptions } from '../../lib/media/ssh/options.ts';
import {
  opensshAddress,
  parseOpensshUrl,
  parseSshUrl,
  sshAddress,
} from '../../lib/media/ssh/url.ts';
import { parseTlsUrl, tlsUrl } from '../../lib/media/tls/url.ts';
import { tls } from '../../lib/media/tls.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { buffersOf, type Target, textOf } from './target.ts';

const allowed: readonly ErrorCode[] = ['ERR_HOLDFAST_URL', 'ERR_HOLDFAST_OPTION'];

const password = 'hunter2';

/** What a URL is read as, and what it is written as then. */
interface Reading {
  readonly address: string;
  readonly facts: object;
}

/** Reads a URL; undefined when it is refused as a URL is refused. */
function readingOf(read: (url: string) => Reading, url: string): Reading | undefined {
  try {
    return read(url);
  } catch (error) {
    if (!isHoldfastError(error) || !allowed.includes(error.code)) throw error;
    // Where a password has its place nobody may show it.
    const isSecret = new RegExp(`^[a-z+]+://[^/?#@]*:${password}@`).test(url);
    const isOnce = url.split(password).length === 2;
    if (isSecret && isOnce && error.message.includes(password))
      throw new Error('It shows the password');
    return undefined;
  }
}

/** What a URL is called means what it means. */
function takeUrl(read: (url: string) => Reading, url: string): void {
  const reading = readingOf(read, url);
  if (reading === undefined) return;
  const { address } = reading;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  const isClean = !/[\0-\x1f\x7f]/.test(address);
  // A file may have any name.
  if (!isClean && !url.startsWith('unix:')) throw new Error(`Its address is not clean: ${address}`);
  const again = readingOf(read, address);
  if (!isDeepStrictEqual(again, reading)) {
    throw new Error(
      `Its address ${address} means something else: ${JSON.stringify([reading, again])}`,
    );
  }
}

const readers: Readonly<Record<string, (url: string) => Reading>> = {
  any: (url) => ({ address: mediumOf(url).address, facts: {} }),
  ssh: (url) => {
    const settings = resolveSshOptions(parseSshUrl(url));
    const { host, port, user, command, forwardTo } = settings;
    return {
      address: sshAddress(settings).address,
      facts: { host, port, user, command, forwardTo },
    };
  },
  openssh: (url) => {
    const settings = resolveOpensshOptions(parseOpensshUrl(url));
    const { host, port, user, command } = settings;
    return { address: opensshAddress(settings).address, facts: { host, port, user, command } };
  },
  tls: (url) => {
    const { host, port } = parseTlsUrl(url).options;
    // It must do for the medium as well.
    tls({ port, ...(host === undefined ? {} : { host }) });
    return { address: tlsUrl(host ?? '', port), facts: { host, port } };
  },
  pipe: (url) => {
    const { command, args } = resolvePipeOptions(parsePipeUrl(url));
    return { address: pipeUrl({ command, args }), facts: { command, args } };
  },
};

/** Schemes whose names may hold what addresses do not show; these are read by the others. */
const lazily = /^(?!tcp:|unix:)/;

function reader(name: string): (input: Buffer) => void {
  const read = readers[name] as (url: string) => Reading;
  return (input) => {
    const url = textOf(input);
    if (name === 'any' && lazily.test(url)) readingOf(read, url);
    else takeUrl(read, url);
  };
}

const urls: Readonly<Record<string, readonly string[]>> = {
  any: [
    'tcp://127.0.0.1:4155',
    'tcp://[::1]:65535/',
    'tcp://me:hunter2@host:1',
    'unix:/run/x.sock',
  ],
  ssh: [
    'ssh://user@host:22/?command=my-server%20--stdio',
    'ssh://me:hunter2@host/?command=x',
    'ssh+unix://user@host:2222/run/my-server.sock?knownHostsFiles=/etc/k',
    'ssh+tcp://user@host/127.0.0.1:4155?unknownHost=accept-new',
    'ssh+tcp://user@[::1]:22/[::1]:4155?privateKeyFile=~/.ssh/id',
  ],
  openssh: ['openssh://host/?command=x', 'openssh://me@host:22/?command=a%26b&configFile=/etc/c'],
  tls: ['tls://backup.example:4155?ca=/etc/ca.pem', 'tls://[::1]:1?cert=a&key=b&servername=c'],
  pipe: ['pipe:?command=my-server&arg=--stdio&arg=', 'pipe:?command=a%20b&cwd=/tmp&arg=+%2B'],
};

const urlWords = buffersOf([
  ...Object.keys(urls).map((scheme) => `${scheme}://`),
  ...['//', '/', ':', '@', '?', '#', '&', '=', '%', '%00', '%0a', '%2F', '%25', '+', '[', ']'],
  ...['[::1]', '127.0.0.1', ':hunter2@', '~/', '..', '\0', '\n', '\t', ' ', '\u00e4', '\u{1f98a}'],
  ...[
    'command=',
    'arg=',
    'cwd=',
    'ca=',
    'cert=',
    'key=',
    'servername=',
    'unknownHost=',
    '-o',
    '--',
  ],
]);

const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIGk2wq0Ky4Xhn0wQkqs3rCPxW9oX8y7lQw4q0uJmYb2u';
const knownHosts = [
  `host 22\nhost ssh-ed25519 ${key}`,
  `10.0.0.7 2222\n[10.0.0.7]:2222,[host]:2222 ssh-ed25519 ${key} comment`,
  `host 22\n*.example,!bad.example,h?st ssh-ed25519 ${key}\n# comment\n\n@revoked * ssh-ed25519 ${key}`,
  `host 22\n@cert-authority *.example ssh-ed25519 ${key}`,
  `host 22\n|1|kRjDtmOfHRnVvQ9wyEhtlKUdvLM=|mSb2xpZfrDxYjBUXO5vtF0DzZXk= ssh-ed25519 ${key}`,
];

function takeKnownHosts(input: Buffer): void {
  const [first = '', ...lines] = textOf(input).split('\n');
  const [host = '', port = ''] = first.split(' ');
  const file = { file: 'fuzz', text: lines.join('\n') };
  const name = hostName(host, Number(port) || 22);
  const record = lookUpHost([file], name);
  for (const found of [...record.keys, ...record.revoked, ...record.authorities]) {
    const line = lines[found.line - 1] ?? '';
    if (keyType(found.key) !== found.type || !line.includes(found.type)) {
      throw new Error(`Line ${found.line} has no key of the type ${found.type}`);
    }
    // What is said in a file alone is said in it among others too.
    const alone = lookUpHost([{ file: 'fuzz', text: line }], name);
    const count = alone.keys.length + alone.revoked.length + alone.authorities.length;
    if (count !== 1) throw new Error(`Line ${found.line} alone says something else`);
  }
}

/** Texts that people write, and that files hold. */
export const textTargets: readonly Target[] = [
  ...Object.entries(urls).map(([name, texts]) => ({
    name: `url-${name}`,
    seeds: buffersOf(texts),
    words: urlWords,
    take: reader(name),
  })),
  {
    name: 'known-hosts',
    seeds: buffersOf(knownHosts),
    words: buffersOf([
      '@revoked',
      '@cert-authority',
      '|1|',
      '|',
      '*',
      '?',
      '!',
      ',',
      ' ',
      '\t',
      key,
      '\n',
      '#',
      '=',
    ]),
    take: takeKnownHosts,
  },
  {
    name: 'ssh-settings',
    seeds: buffersOf(['connecttimeout none\nserveraliveinterval 0\n', 'user x\r\nport 22\r\n']),
    words: buffersOf(['connecttimeout', 'serveraliveinterval', 'none', '\n', '\r', ' ', '0']),
    take: (input) => void parseUserSettings(textOf(input)),
  },
];
