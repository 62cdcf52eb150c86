import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Connection } from 'ssh2';
import { loadHostKeys } from '../../../lib/media/ssh/host-keys.ts';
import { Recorder } from '../../support/recorder.ts';
import { dial, dialFailure } from '../../support/ssh-client.ts';
import { type KeyPair, makeKey } from '../../support/ssh-keys.ts';
import { SshServer } from '../../support/ssh-server.ts';

describe('Host keys over ssh', () => {
  const keys: Record<'ed25519' | 'ecdsa' | 'rsa', KeyPair> = {
    ed25519: makeKey('ed25519'),
    ecdsa: makeKey('ecdsa'),
    rsa: makeKey('rsa'),
  };
  const other = makeKey();
  let folder: string;
  let file: string;
  let server: SshServer;
  let name: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    file = join(folder, 'known_hosts');
    server = await SshServer.listen([keys.ed25519, keys.ecdsa, keys.rsa]);
    name = `[127.0.0.1]:${server.port}`;
  });

  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  async function expectOpen(extra: Parameters<typeof dial>[1]): Promise<void> {
    const channel = await dial(server, extra);
    channel.destroy();
    await new Recorder(channel).closed;
  }

  describe('of a host that is known', () => {
    const line = (key: KeyPair): string => `${name} ${key.public}\n`;
    const hashed = (): string => {
      const salt = Buffer.alloc(20, 7);
      const hash = createHmac('sha1', salt).update(name).digest('base64');
      return `|1|${salt.toString('base64')}|${hash}`;
    };
    const texts: Readonly<Record<string, () => string>> = {
      'by a plain name': () => line(keys.ed25519),
      'by a hashed name': () => `${hashed()} ${keys.ed25519.public}\n`,
      'by several keys': () => line(keys.ed25519) + line(keys.ecdsa) + line(keys.rsa),
      'by one of two keys of a type': () => line(other) + line(keys.ed25519),
      'by its ECDSA key alone, which is then asked for': () => line(keys.ecdsa),
      'by its RSA key alone, which is then asked for': () => line(keys.rsa),
      'by a wildcard': () => `[127.*]:* ${keys.ed25519.public}\n`,
      'by its name without the port': () => `127.0.0.1 ${keys.ed25519.public}\n`,
      'among lines that are bad': () => `x\n@nonsense y\n${line(keys.ed25519)}!!!\n`,
      'among revoked keys of others': () => `@revoked * ${other.public}\n${line(keys.ed25519)}`,
      'among authorities': () => `@cert-authority * ${other.public}\n${line(keys.ed25519)}`,
    };

    for (const [how, text] of Object.entries(texts)) {
      it(`are accepted when it is known ${how}`, () => expectOpen({ knownHosts: text() }));
    }

    it('are looked for in all files, and a file that is missing is no trouble', async () => {
      await writeFile(file, line(keys.ed25519));
      await expectOpen({ knownHostsFiles: [join(folder, 'missing'), file] });
      await expectOpen({ knownHostsFiles: file });
    });

    it('are verified again when keys are exchanged anew', async () => {
      const channel = await dial(server, { knownHosts: line(keys.ed25519) });
      const user = new Recorder(channel);
      const client = server.clients[0] as Connection;
      await new Promise<void>((resolve) => client.rekey(() => resolve()));
      channel.write([Buffer.from('still here')], () => {});
      expect((await user.take(10)).toString()).to.equal('still here');
      channel.destroy();
      await user.closed;
    });
  });

  it('must stay the same as long as the connection lasts, even if both are known', async () => {
    const text = `${name} ${keys.ed25519.public}\n${name} ${other.public}\n`;
    const source = { text, files: [], unknownHost: 'refuse' } as const;
    for (const [first, second] of [
      [keys.ed25519, other],
      [other, keys.ed25519],
    ] as const) {
      const hostKeys = await loadHostKeys(source, '127.0.0.1', server.port);
      expect(hostKeys.check(first.blob)).to.equal(undefined);
      expect(hostKeys.check(first.blob)).to.equal(undefined);
      const error = hostKeys.check(second.blob);
      expect(error?.message).to.include('is another one than it was a moment ago');
      expect(error?.final).to.equal(true);
    }
  });

  it('of an unknown host are refused for good, with the line to add and the fingerprint', async () => {
    await writeFile(file, `elsewhere ${keys.ed25519.public}\n`);
    const error = await dialFailure(server, { knownHostsFiles: [file, join(folder, 'two')] });
    expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
    const shown = `Host key of ${name} (ssh-ed25519 ${keys.ed25519.fingerprint}) is not known in`;
    expect(error.message).to.include(shown).and.include(file).and.include(join(folder, 'two'));
    expect(error.message).to.include(`add the line "${name} ${keys.ed25519.public}" to ${file}`);
    expect(error.message).to.include('unknownHost').and.include('accept-new');
    expect(server.tried, 'tries to authenticate').to.deep.equal([]);
    // The advice is sound.
    const advised = /add the line "([^"]+)"/.exec(error.message)?.[1] as string;
    await expectOpen({ knownHosts: advised });
  });

  it('of an unknown host are refused when lines are given, without a word of files', async () => {
    const error = await dialFailure(server, { knownHosts: '' });
    expect(error.message).to.match(/is not known among the given ones\. If .* to those$/);
  });

  it('that have changed are refused for good, with file and line', async () => {
    await writeFile(file, `# a comment\n${name} ${other.public}\n`);
    for (const unknownHost of ['refuse', 'accept-new'] as const) {
      const error = await dialFailure(server, { knownHostsFiles: file, unknownHost });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include(`(ssh-ed25519 ${keys.ed25519.fingerprint}) has changed`);
      expect(error.message).to.include(`ssh-ed25519 ${other.fingerprint} in ${file} line 2`);
    }
    expect(server.tried).to.deep.equal([]);
    expect(await readFile(file, 'utf8'))
      .to.include(other.public)
      .and.not.include('127.0.0.1 ');
  });

  it('that are known for the name alone do not count where others are known for the port', async () => {
    await writeFile(file, `127.0.0.1 ${keys.ed25519.public}\n${name} ${other.public}\n`);
    for (const unknownHost of ['refuse', 'accept-new'] as const) {
      const error = await dialFailure(server, { knownHostsFiles: file, unknownHost });
      expect(error.final).to.equal(true);
      expect(error.message).to.include('has changed').and.include(`in ${file} line 2`);
    }
  });

  it('of another type than the known ones are refused, also by accept-new', async () => {
    const rsaOnly = await SshServer.listen([keys.rsa]);
    try {
      await writeFile(file, `[127.0.0.1]:${rsaOnly.port} ${keys.ed25519.public}\n`);
      for (const unknownHost of ['refuse', 'accept-new'] as const) {
        const error = await dialFailure(rsaOnly, { knownHostsFiles: file, unknownHost });
        expect(error.final).to.equal(true);
        expect(error.message).to.include(`(ssh-rsa ${keys.rsa.fingerprint}) is of another type`);
        expect(error.message).to.include(
          `ssh-ed25519 ${keys.ed25519.fingerprint} in ${file} line 1`,
        );
      }
    } finally {
      await rsaOnly.close();
    }
  });

  for (const host of ['*', '127.0.0.1', '[127.0.0.1]:*']) {
    it(`that are revoked for ${host} are refused although they are known`, async () => {
      const known = `${name} ${keys.ed25519.public}\n`;
      await writeFile(file, `${known}@revoked ${host} ${keys.ed25519.public}\n`);
      for (const unknownHost of ['refuse', 'accept-new'] as const) {
        const error = await dialFailure(server, { knownHostsFiles: file, unknownHost });
        expect(error.final).to.equal(true);
        expect(error.message).to.include(`is revoked by ${file} line 2`);
      }
    });
  }

  it('of a host that has only a certificate authority are refused, and it is said why', async () => {
    // Also when the key of the authority is the very key of the host.
    await writeFile(file, `@cert-authority [127.0.0.1]:* ${keys.ed25519.public}\n`);
    for (const unknownHost of ['refuse', 'accept-new'] as const) {
      const error = await dialFailure(server, { knownHostsFiles: file, unknownHost });
      expect(error.final).to.equal(true);
      expect(error.message).to.include(`${file} line 1 names a certificate authority`);
      expect(error.message).to.include('openssh://');
    }
  });

  it('are not looked for in a file that cannot be read', async () => {
    await mkdir(file);
    const error = await dialFailure(server, { knownHostsFiles: file });
    expect(error.final).to.equal(true);
    expect(error.message).to.include(`Cannot read the known hosts in ${file}`);
  });

  describe('with accept-new', () => {
    const acceptNew = { unknownHost: 'accept-new' } as const;

    it('are added to a new file that is its owner’s alone, and then hold', async () => {
      const target = join(folder, 'new', 'known_hosts');
      await expectOpen({ ...acceptNew, knownHostsFiles: [target, file] });
      expect(await readFile(target, 'utf8')).to.equal(`${name} ${keys.ed25519.public}\n`);
      expect((await stat(target)).mode & 0o777).to.equal(0o600);
      expect((await stat(join(folder, 'new'))).mode & 0o777).to.equal(0o700);
      await expectOpen({ ...acceptNew, knownHostsFiles: target });
      await expectOpen({ knownHostsFiles: target });
      expect(await readFile(target, 'utf8')).to.equal(`${name} ${keys.ed25519.public}\n`);
    });

    it('are added behind a last line that has no end', async () => {
      await writeFile(file, 'elsewhere ssh-rsa AAAA', { mode: 0o644 });
      await expectOpen({ ...acceptNew, knownHostsFiles: file });
      const added = `${name} ${keys.ed25519.public}\n`;
      expect(await readFile(file, 'utf8')).to.equal(`elsewhere ssh-rsa AAAA\n${added}`);
      expect((await stat(file)).mode & 0o777, 'mode of a file that was there').to.equal(0o644);
    });

    it('are added although the authentication fails afterwards', async () => {
      server.admission = { methods: ['password'], password: 'right' };
      const extra = { ...acceptNew, knownHostsFiles: file, password: 'wrong' };
      const error = await dialFailure(server, extra);
      expect(error.message).to.include('Authentication failed');
      expect(await readFile(file, 'utf8')).to.include(keys.ed25519.public);
    });

    it('are not added when the host cannot prove that it has the key', async () => {
      const liar = await SshServer.listen([pretending(keys.ed25519)]);
      try {
        const error = await dialFailure(liar, { ...acceptNew, knownHostsFiles: file });
        expect(error.message).to.include('signature verification failed');
        expect(error.final).to.equal(true);
        expect(await stat(file).catch(({ code }) => code)).to.equal('ENOENT');
        const known = `[127.0.0.1]:${liar.port} ${keys.ed25519.public}`;
        const second = await dialFailure(liar, { knownHosts: known });
        expect(second.message).to.include('signature verification failed');
        expect(liar.tried).to.deep.equal([]);
      } finally {
        await liar.close();
      }
    });

    it('are refused when they cannot be added', async () => {
      await writeFile(join(folder, 'no-folder'), '');
      const target = join(folder, 'no-folder', 'known_hosts');
      const error = await dialFailure(server, { ...acceptNew, knownHostsFiles: target });
      expect(error.final).to.equal(true);
      expect(error.message).to.include(`cannot be added to ${target}`);
    });
  });
});

/** A private key that shows the public key of another. */
function pretending(victim: KeyPair): KeyPair {
  const own = makeKey();
  const [, first, body, last] = /^(-+.*-+\n)([^-]+)(-+.*-+)/s.exec(own.private) as RegExpExecArray;
  const bytes = Buffer.from(body as string, 'base64');
  const [ownPublic, shown] = [own, victim].map(({ blob }) => blob.subarray(-32)) as [
    Buffer,
    Buffer,
  ];
  for (let at = bytes.indexOf(ownPublic); at >= 0; at = bytes.indexOf(ownPublic, at)) {
    shown.copy(bytes, at);
  }
  return { ...own, private: `${first}${bytes.toString('base64')}\n${last}\n` };
}
