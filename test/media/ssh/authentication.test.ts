import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import ssh2, { type ParsedKey } from 'ssh2';
import type { SshOptions } from '../../../lib/media/ssh.ts';
import { Recorder } from '../../support/recorder.ts';
import { dial, dialFailure, type Extra } from '../../support/ssh-client.ts';
import { type KeyPair, makeKey } from '../../support/ssh-keys.ts';
import { SshServer } from '../../support/ssh-server.ts';

describe('Authentication over ssh', () => {
  const key = makeKey();
  const rsa = makeKey('rsa');
  const stranger = makeKey();
  let folder: string;
  let server: SshServer;
  let agents: net.Server[];
  let socketOfAgent: string | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    server = await SshServer.listen();
    agents = [];
    socketOfAgent = process.env['SSH_AUTH_SOCK'];
    delete process.env['SSH_AUTH_SOCK'];
  });

  afterEach(async () => {
    if (socketOfAgent !== undefined) process.env['SSH_AUTH_SOCK'] = socketOfAgent;
    else delete process.env['SSH_AUTH_SOCK'];
    await server.close();
    for (const agent of agents) agent.close();
    await rm(folder, { recursive: true });
  });

  async function expectOpen(extra: Extra): Promise<void> {
    const channel = await dial(server, extra);
    const user = new Recorder(channel);
    channel.write([Buffer.from('hello')], () => {});
    expect((await user.take(5)).toString()).to.equal('hello');
    channel.destroy();
    await user.closed;
  }

  /** An agent with these keys; without any it takes questions and does not answer. */
  async function startAgent(keys: readonly KeyPair[] | undefined): Promise<string> {
    const path = join(folder, `agent${agents.length}`);
    const parsed = keys?.map((pair) => ssh2.utils.parseKey(pair.private) as ParsedKey);
    const agent = net.createServer((socket) => {
      socket.on('error', () => {});
      if (parsed === undefined) {
        socket.resume();
        return;
      }
      const protocol = new ssh2.AgentProtocol(false);
      protocol.on('identities', (request) => protocol.getIdentitiesReply(request, parsed));
      protocol.on('sign', (request, publicKey, data, { hash }) => {
        const wanted = (publicKey as ParsedKey).getPublicSSH();
        const own = parsed.find((one) => one.getPublicSSH().equals(wanted)) as ParsedKey;
        protocol.signReply(request, own.sign(data, hash));
      });
      protocol.pipe(socket).pipe(protocol);
    });
    agents.push(agent);
    await new Promise<void>((resolve) => agent.listen(path, resolve));
    return path;
  }

  describe('with a key', () => {
    beforeEach(() => {
      server.admission = { methods: ['publickey'], keys: [key, rsa] };
    });

    it('opens by its text, and by its bytes', async () => {
      await expectOpen({ privateKey: key.private });
      await expectOpen({ privateKey: new Uint8Array(Buffer.from(key.private)) });
    });

    it('opens by an RSA key, with a hash that the server takes', async () => {
      await expectOpen({ privateKey: rsa.private });
    });

    it('opens by a file', async () => {
      const privateKeyFile = join(folder, 'key');
      await writeFile(privateKeyFile, key.private);
      await expectOpen({ privateKeyFile });
    });

    it('opens by an encrypted key with its passphrase', async () => {
      const locked = makeKey('ed25519', 'open sesame');
      server.admission = { methods: ['publickey'], keys: [locked] };
      await expectOpen({ privateKey: locked.private, passphrase: 'open sesame' });
    });

    it('tries nothing else than what was given', async () => {
      process.env['SSH_AUTH_SOCK'] = await startAgent([key]);
      const error = await dialFailure(server, { privateKey: stranger.private, agent: undefined });
      expect(error.message).to.include('tried the private key; the server takes publickey');
      expect(server.tried).to.deep.equal(['none', 'publickey']);
    });

    it('fails for good with a key that the server does not know', async () => {
      const error = await dialFailure(server, { privateKey: stranger.private });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.match(/^Authentication failed at ssh:\/\/me@127\.0\.0\.1:\d+/);
      expect(error.message).to.include('tried the private key; the server takes publickey');
    });

    it('goes on with a password where the server wants both', async () => {
      server.admission = {
        methods: ['publickey', 'password'],
        keys: [key],
        both: true,
        password: 'p',
      };
      await expectOpen({ privateKey: key.private, password: 'p' });
      expect(server.tried).to.deep.equal(['none', 'publickey', 'publickey', 'password']);
    });
  });

  describe('with a key that cannot be used', () => {
    const locked = makeKey('ed25519', 'right');
    const options: Readonly<Record<string, readonly [Extra, RegExp]>> = {
      'is encrypted': [
        { privateKey: locked.private },
        /Cannot use the private key: .*no passphrase given.*set the option "passphrase"/,
      ],
      'is encrypted with another passphrase': [
        { privateKey: locked.private, passphrase: 'wrong' },
        /Cannot use the private key: /,
      ],
      'is none': [{ privateKey: 'nothing' }, /Cannot use the private key: /],
      'is empty': [{ privateKey: '' }, /Cannot use the private key: /],
      'is public': [{ privateKey: key.public }, /it is a public key/],
      'is in a file that is missing': [
        { privateKeyFile: '/nowhere/key' },
        /Cannot read the private key \/nowhere\/key: ENOENT/,
      ],
    };

    for (const [what, [extra, text]] of Object.entries(options)) {
      it(`fails for good when it ${what}, before it connects`, async () => {
        const error = await dialFailure(server, extra);
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
        expect(error.message).to.match(text);
        expect(server.sockets).to.have.length(0);
      });
    }

    it('shows nothing of the key or of the passphrase', async () => {
      const error = await dialFailure(server, { privateKey: locked.private, passphrase: 'wrong' });
      expect(error.message).to.not.include('wrong').and.not.include('BEGIN');
    });
  });

  describe('with an agent', () => {
    beforeEach(() => {
      server.admission = { methods: ['publickey'], keys: [key] };
    });

    it('opens by one of its keys', async () => {
      await expectOpen({ agent: await startAgent([stranger, key]) });
    });

    it('opens by the agent of the environment when nothing is given', async () => {
      process.env['SSH_AUTH_SOCK'] = await startAgent([key]);
      await expectOpen({ agent: undefined });
    });

    it('does not ask it when it is switched off', async () => {
      process.env['SSH_AUTH_SOCK'] = await startAgent([key]);
      const error = await dialFailure(server, { agent: false });
      expect(error.message).to.include('tried nothing; the server takes publickey');
    });

    it('fails for good and says so when it is not there', async () => {
      const agent = join(folder, 'missing');
      const error = await dialFailure(server, { agent });
      expect(error.final).to.equal(true);
      expect(error.message).to.include(`tried agent ${agent}; the server takes publickey; agent: `);
    });

    it('goes on without it when there is another way', async () => {
      server.admission = { methods: ['publickey', 'password'], keys: [key], password: 'p' };
      await expectOpen({ agent: join(folder, 'missing'), password: 'p' });
      await expectOpen({ agent: await startAgent([stranger]), password: 'p' });
    });

    it('gives up on one that does not answer, and leaves nothing open', async () => {
      const agent = await startAgent(undefined);
      server.admission = { methods: ['publickey', 'password'], keys: [key], password: 'p' };
      const error = await dialFailure(server, { agent, password: 'p', readyTimeoutMs: 100 });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
      expect(error.message).to.include('did not get through authentication within 100 ms');
      expect(server.tried).to.deep.equal(['none']);
    });

    it('looks for keys in the user’s folder when nothing is given', async () => {
      const home = process.env['HOME'];
      process.env['HOME'] = folder;
      try {
        await mkdir(join(folder, '.ssh'));
        const locked = makeKey('ecdsa', 'secret');
        await writeFile(join(folder, '.ssh', 'id_ecdsa'), locked.private);
        const error = await dialFailure(server, { agent: undefined });
        expect(error.message).to.include('tried nothing; the server takes publickey; ');
        expect(error.message).to.include('Cannot use the private key ~/.ssh/id_ecdsa: ');
        await writeFile(join(folder, '.ssh', 'id_rsa'), key.private);
        await expectOpen({ agent: undefined });
      } finally {
        if (home === undefined) delete process.env['HOME'];
        else process.env['HOME'] = home;
      }
    });
  });

  describe('with a password', () => {
    it('opens by it', async () => {
      server.admission = { methods: ['password'], password: 'right' };
      await expectOpen({ password: 'right' });
      expect(server.tried).to.deep.equal(['none', 'password']);
    });

    it('fails for good with a wrong one, and does not show it', async () => {
      server.admission = { methods: ['password'], password: 'right' };
      const error = await dialFailure(server, { password: 'hunter2' });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include('tried password; the server takes password');
      expect(JSON.stringify({ ...error, message: error.message })).to.not.include('hunter2');
    });

    it('fails for good when it must be changed first', async () => {
      server.admission = { methods: ['password'], mustChange: true };
      const error = await dialFailure(server, { password: 'old' });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include('wants the password to be changed first');
    });

    it('answers the only question of a server that asks for it that way', async () => {
      const questions = [{ text: 'Password: ', answer: 'right' }];
      server.admission = { methods: ['keyboard-interactive'], questions };
      await expectOpen({ password: 'right' });
    });

    it('answers no other question with it', async () => {
      const questions = [
        { text: 'Password: ', answer: 'right' },
        { text: 'Code: ', answer: 'right' },
      ];
      server.admission = { methods: ['keyboard-interactive'], questions };
      const error = await dialFailure(server, { password: 'right' });
      expect(error.message).to.include('tried keyboard-interactive');
    });
  });

  describe('with questions', () => {
    const questions = [
      { text: 'Password: ', answer: 'one' },
      { text: 'Code: ', answer: 'two' },
    ];

    beforeEach(() => {
      server.admission = { methods: ['keyboard-interactive'], questions };
    });

    it('opens by the answers of the application', async () => {
      const asked: unknown[] = [];
      await expectOpen({
        onPrompt: (prompts, about) => {
          asked.push(prompts, about);
          return Promise.resolve(['one', 'two']);
        },
      });
      expect(asked).to.deep.equal([
        [
          { text: 'Password: ', echo: false },
          { text: 'Code: ', echo: false },
        ],
        { name: 'Name', instructions: 'Instructions' },
      ]);
    });

    it('fails for good with wrong answers', async () => {
      const error = await dialFailure(server, { onPrompt: () => ['one', 'three'] });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include('tried keyboard-interactive');
    });

    const noAnswers: Readonly<Record<string, SshOptions['onPrompt']>> = {
      throws: () => {
        throw new Error('not today');
      },
      rejects: () => Promise.reject(new Error('not today')),
      'gives too few': () => ['one'],
      'gives other things': () => [1, 2] as unknown as string[],
      'gives nothing': () => undefined as unknown as string[],
    };

    for (const [what, onPrompt] of Object.entries(noAnswers)) {
      it(`fails for good when the application ${what}`, async () => {
        const error = await dialFailure(server, { onPrompt });
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
        expect(error.message).to.match(/onPrompt: (not today|it must give 2 strings)/);
      });
    }

    it('does not mind an answer that comes when the dial was given up', async () => {
      let answer: (answers: string[]) => void = () => {};
      const asked = new Promise<string[]>((resolve) => {
        answer = resolve;
      });
      const error = await dialFailure(server, { readyTimeoutMs: 100, onPrompt: () => asked });
      expect(error.message).to.include('did not get through authentication');
      answer(['one', 'two']);
      await asked;
    });
  });

  it('opens without a proof where the server wants none', () => expectOpen({}));

  it('fails for good where the server takes nothing that there is', async () => {
    server.admission = { methods: ['hostbased'] };
    const error = await dialFailure(server, { password: 'p' });
    expect(error.final).to.equal(true);
    expect(error.message).to.include('tried nothing; the server takes hostbased');
  });
});
