import { expect } from 'chai';
import { LastLines } from '../../../lib/media/last-lines.ts';
import { explainOpensshEnd } from '../../../lib/media/openssh/explain.ts';

const address = 'openssh://h/?command=c';

function lines(text: string): LastLines {
  const stderr = new LastLines();
  stderr.add(Buffer.from(text));
  return stderr;
}

function explain(text: string, code: number | undefined, hasServed = false, signal?: string) {
  return explainOpensshEnd({ code, signal, hasServed, stderr: lines(text) }, address);
}

/** What OpenSSH 9 says; what is said of it; whether it is final. */
const failures: readonly (readonly [text: string, what: string, isFinal: boolean])[] = [
  ['me@h: Permission denied (publickey,password).', 'was not let in by', true],
  ['me@h: Permission denied (publickey).', 'was not let in by', true],
  [
    'Received disconnect from 127.0.0.1 port 22:2: Too many authentication failures\r\nDisconnected from 127.0.0.1 port 22',
    'was not let in by',
    true,
  ],
  ['Host key verification failed.', 'does not trust the host key of', true],
  [
    'No ED25519 host key is known for h and you have requested strict checking.\r\nHost key verification failed.',
    'does not trust the host key of',
    true,
  ],
  [
    'Unable to negotiate with 127.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa',
    'has no algorithm in common with',
    true,
  ],
  [
    '/home/me/.ssh/config: line 3: Bad configuration option: foo\r\n/home/me/.ssh/config: terminating, 1 bad configuration options',
    'cannot use its options or its configuration for',
    true,
  ],
  [
    'Bad owner or permissions on /home/me/.ssh/config',
    'cannot use its options or its configuration for',
    true,
  ],
  [
    'Cannot execute command-line and remote command.',
    'cannot use its options or its configuration for',
    true,
  ],
  ["Can't open user config file /c: No such file or directory", 'cannot use its options', true],
  ['unknown option -- Y\r\nusage: ssh [-46AaCfGgKk]', 'cannot use its options', true],
  [
    'ssh: Could not resolve hostname h: Name or service not known',
    'cannot find the host of',
    false,
  ],
  [
    'ssh: Could not resolve hostname h: Temporary failure in name resolution',
    'cannot find the host of',
    false,
  ],
  ['ssh: connect to host h port 22: Connection refused', 'was refused by', false],
  ['ssh: connect to host h port 22: Connection timed out', 'got no answer in time from', false],
  ['Connection timed out during banner exchange', 'got no answer in time from', false],
  ['ssh: connect to host h port 22: No route to host', 'has no way to', false],
  ['ssh: connect to host h port 22: Network is unreachable', 'has no way to', false],
  ['Timeout, server h not responding.', 'got no sign of life any more from', false],
  ['Connection to h closed by remote host.', 'lost the connection to', false],
  ['client_loop: send disconnect: Broken pipe', 'lost the connection to', false],
  ['Connection reset by 127.0.0.1 port 22', 'lost the connection to', false],
  [
    'kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 127.0.0.1 port 22',
    'lost the connection to',
    false,
  ],
];

describe('The end of an ssh process', () => {
  for (const [text, what, isFinal] of failures) {
    it(`is told by ${JSON.stringify(text)}`, () => {
      const error = explain(`Warning: something else\r\n${text}\r\n`, 255);
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: isFinal });
      expect(error?.message).to.match(/^ssh /).and.include(what).and.include(address);
      expect(error?.message).to.include(text.split('\r\n')[0] as string);
    });

    it(`is never final once bytes have come, whatever is said: ${JSON.stringify(text)}`, () => {
      expect(explain(text, 255, true)).to.include({ code: 'ERR_HOLDFAST_LOST', final: false });
    });
  }

  it('is told without a word too', () => {
    expect(explain('', 255)?.message).to.equal(
      `ssh lost the connection to ${address}, or its command was killed (exit code 255)`,
    );
    expect(explain('what is this', 255)?.message).to.match(/\(exit code 255\): what is this$/);
    expect(explain('', 255)?.final).to.equal(false);
  });

  it('is that of the remote command with any other code', () => {
    expect(explain('', 0)).to.equal(undefined);
    expect(explain('x', 0, true)).to.equal(undefined);
    const missing = explain('bash: line 1: x: command not found', 127);
    expect(missing).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
    expect(missing?.message).to.include('was not found (exit code 127): bash: line 1: x:');
    expect(explain('', 127, true)).to.include({ code: 'ERR_HOLDFAST_LOST', final: false });
    expect(explain('', 126)?.final).to.equal(true);
    // The words of a command that ended by itself are not ssh's.
    const own = explain('me@h: Permission denied (publickey).', 1);
    expect(own).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
    expect(own?.message).to.include('exited with code 1: me@h: Permission denied');
  });

  it('is that of the process itself when a signal killed it, or when it did not end', () => {
    expect(explain('', undefined, true, 'SIGKILL')?.message).to.equal(
      `The ssh process of ${address} was killed by SIGKILL`,
    );
    expect(explain('hm', undefined)?.message).to.include('closed its output and did not end: hm');
  });
});

describe('The last lines of a stderr', () => {
  it('are a few, on one line, without control characters', () => {
    const text = Array.from({ length: 50 }, (_, line) => `line ${line}\u001b[0m\u0007`).join(
      '\r\n',
    );
    expect(lines(text).suffix).to.equal(
      `: ${[45, 46, 47, 48, 49].map((line) => `line ${line} [0m`).join(' | ')}`,
    );
  });

  it('are nothing when nothing was said', () => {
    expect(lines('').suffix).to.equal('');
    expect(lines('\r\n \n\u0000\n').suffix).to.equal('');
  });

  it('take no more memory than they must, in whatever pieces they come', () => {
    const stderr = new LastLines();
    for (let index = 0; index < 10_000; index++) stderr.add(Buffer.from(`piece ${index} `));
    expect(stderr.text.length).to.be.at.most(2_048);
    expect(stderr.suffix).to.match(/piece 9999$/);
  });

  it('are read as UTF-8, also when a character comes in two pieces', () => {
    const stderr = new LastLines();
    const bytes = Buffer.from('größer');
    stderr.add(bytes.subarray(0, 3));
    stderr.add(bytes.subarray(3));
    expect(stderr.suffix).to.equal(': größer');
  });
});
