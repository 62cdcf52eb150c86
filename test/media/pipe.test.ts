import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Client, connect, type HoldfastError } from '../../lib/index.ts';
import { type PipeOptions, pipe } from '../../lib/media/pipe.ts';
import { expectFailure } from '../support/failing.ts';
import { ended, isAlive } from '../support/processes.ts';
import { Recorder, settled, writeOnce } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

/** A program in JavaScript. */
function node(script: string, options: Partial<PipeOptions> = {}): PipeOptions {
  return { command: process.execPath, args: ['-e', script], termAfterMs: 20, ...options };
}

/** Lives until its stdin ends. */
const untilEnd = 'process.stdin.resume();';
/** Lives whatever happens to its pipes. */
const forEver =
  'setInterval(() => {}, 60_000); for (const s of [process.stdin, process.stdout, process.stderr]) s.on("error", () => {});';

describe('The pipe medium', () => {
  let clients: Client<typeof verbs>[];
  let folder: string;

  beforeEach(async () => {
    clients = [];
    folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-')));
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await rm(folder, { recursive: true });
  });

  function call(options: PipeOptions, timeoutMs = 5_000): Promise<string> {
    const client = connect(pipe(options), verbs, { reconnectCapMs: 20 });
    clients.push(client);
    return client.call.mutate('x', { timeoutMs });
  }

  async function open(options: PipeOptions): Promise<Recorder> {
    return new Recorder(await pipe(options).dial(new AbortController().signal));
  }

  describe('when the program cannot be started', () => {
    const wrong: Readonly<Record<string, [options: () => Partial<PipeOptions>, text: RegExp]>> = {
      'is not there': [
        () => ({ command: 'no-such-program' }),
        /Cannot start the program of pipe:\?command=no-such-program: it was not found; give its path/,
      ],
      'is not there under its path': [() => ({ command: join(folder, 'none') }), /was not found/],
      'may not be executed': [
        () => ({ command: join(folder, 'file') }),
        /permission denied: it must be a file that this user may execute/,
      ],
      'is a folder': [() => ({ command: folder }), /permission denied/],
      'lies behind a file': [() => ({ command: join(folder, 'file', 'x') }), /is no folder/],
      'has a folder that is not there': [
        () => ({ command: process.execPath, cwd: join(folder, 'none') }),
        /the folder .*none cannot be entered \(ENOENT\)/,
      ],
      'has a folder that is none': [
        () => ({ command: process.execPath, cwd: join(folder, 'file') }),
        /the folder .*file is none/,
      ],
      'has too long arguments': [
        () => ({ command: process.execPath, args: ['x'.repeat(4_000_000)] }),
        /its arguments and its environment are too long/,
      ],
    };
    for (const [what, [options, text]] of Object.entries(wrong)) {
      it(`fails for good and says why: one that ${what}`, async () => {
        await writeFile(join(folder, 'file'), '#!/bin/sh\n', { mode: 0o644 });
        const calling = call(options() as PipeOptions);
        const error = await expectFailure(calling, 'ERR_HOLDFAST_DIAL', text);
        expect(error).to.include({ final: true, outcome: 'not-executed' });
      });
    }
  });

  describe('when the program ends before it says hello', () => {
    const ends: Readonly<Record<string, [script: string, text: RegExp]>> = {
      'exits with a code': [
        'console.error("no config\\nfile"); process.exit(3)',
        /The program of pipe:.* exited with code 3 before it said anything: no config \| file/,
      ],
      'exits orderly': ['process.exit(0)', /exited with code 0 before it said anything/],
      'is killed': [
        'process.kill(process.pid, "SIGKILL")',
        /was killed by SIGKILL before it said anything/,
      ],
      'closes its stdout and lives on': [
        `${forEver} process.stdout.end();`,
        /closed its stdout or stdin and did not exit before it said anything/,
      ],
    };
    for (const [what, [script, text]] of Object.entries(ends)) {
      it(`tries again and tells at last of one that ${what}`, async () => {
        const calling = call(node(script), 2_000);
        const error = await expectFailure(calling, 'ERR_HOLDFAST_DEADLINE', text);
        expect(error.outcome).to.equal('not-executed');
        expect(error.cause).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
      });
    }

    it('says what the program said, when that is no holdfast, and what it said on stderr', async () => {
      const script = `console.error("unknown option --stdio"); console.log("usage: x"); ${untilEnd}`;
      const error = await expectFailure(call(node(script)), 'ERR_HOLDFAST_PROTOCOL');
      expect(error.message).to.include('it began with "usage: x\\n"');
      expect(error.message).to.include('said on its stderr: unknown option --stdio');
      expect(error).to.include({ final: true, outcome: 'not-executed' });
    });
  });

  describe('when the program ends later', () => {
    it('says how, and what it said last', async () => {
      const script =
        'console.error("out of luck"); process.stdout.write("hi", () => process.exit(9))';
      const near = await open(node(script));
      const error = (await near.closed) as HoldfastError;
      expect(error).to.include({ code: 'ERR_HOLDFAST_LOST', final: false });
      expect(error.message).to.match(/^The program of pipe:.* exited with code 9: out of luck$/);
      expect(near.bytes.toString()).to.equal('hi');
    });

    it('delivers everything that it said before', async () => {
      const near = await open(node('process.stdout.write("x".repeat(3_000_000))'));
      expect(await near.closed).to.equal(undefined);
      expect(near.byteLength).to.equal(3_000_000);
    });

    it('keeps the last lines of its stderr, and hands over all of it', async () => {
      let heardBytes = 0;
      const script =
        'for (let i = 0; i < 50_000; i++) console.error("line " + i + " " + "x".repeat(20)); process.exitCode = 1;';
      const onStderr = (chunk: Buffer): void => {
        heardBytes += chunk.length;
      };
      const near = await open(node(script, { onStderr }));
      const { message } = (await near.closed) as HoldfastError;
      expect(message).to.include('line 49999 ').and.to.include('line 49980 ');
      expect(message).not.to.include('line 49979 ');
      expect(message.length).to.be.below(10_000);
      expect(heardBytes).to.be.greaterThan(1_000_000);
    });

    it('does not wait for a process that has inherited its output', async () => {
      const script =
        'const { spawn } = require("child_process"); const c = spawn(process.execPath, ["-e", "setInterval(() => {}, 60_000)"], { stdio: "inherit", detached: true }); process.stdout.write(c.pid + "\\n", () => process.exit(4))';
      const near = await open(node(script));
      const error = await near.closed;
      const pid = Number(near.bytes.toString());
      expect(error).to.have.property('message').that.includes('exited with code 4');
      expect(isAlive(pid)).to.equal(true);
      process.kill(pid, 'SIGKILL');
    });

    it('proves of a write that it was not taken whole, when the program reads no more', async () => {
      const near = await open(
        node(`${forEver} process.stdin.destroy(); process.stdout.write("x");
        require("fs").closeSync(0);`),
      );
      await near.take(1);
      // The end of its stdin reaches us with the first write only.
      let proof = true;
      while (proof && !near.channel.dead)
        proof = await writeOnce(near.channel, Buffer.alloc(1_000));
      expect(proof).to.equal(false);
      expect(await near.closed)
        .to.have.property('message')
        .that.includes('did not exit');
    });
  });

  describe('gives the program', () => {
    it('its arguments as they are, without a shell, its folder and its environment', async () => {
      const args = ['$HOME', '; echo x', '"', "'", '*', '', 'two words', '-', 'ü\n'];
      const script = `process.stdout.write(JSON.stringify([process.argv.slice(1), process.cwd(), process.env])); ${untilEnd}`;
      const near = await open({
        command: process.execPath,
        args: ['-e', script, '--', ...args],
        cwd: folder,
        env: { SECRET: 'horse', NOTHING: undefined },
      });
      await near.take(1);
      near.channel.close();
      await near.closed;
      const [argv, cwd, env] = JSON.parse(near.bytes.toString());
      expect(argv).to.deep.equal(args);
      expect(cwd).to.equal(folder);
      expect(env).to.deep.include({ SECRET: 'horse' });
      expect(env).not.to.have.property('NOTHING');
      expect(env).not.to.have.property('HOME');
    });
  });

  describe('ends the program', () => {
    /** Opens a channel to a program, and gives how it ended as it tells itself on its stderr. */
    async function endOf(script: string, end: 'close' | 'destroy'): Promise<string> {
      let stderr = '';
      const told = `process.on("exit", (code) => require("fs").writeSync(2, "exit " + code));`;
      const near = await open(
        node(`${told} ${script}; process.stdout.write(String(process.pid))`, {
          termAfterMs: 40,
          killAfterMs: 40,
          onStderr: (chunk) => {
            stderr += chunk.toString();
          },
        }),
      );
      await near.take(1);
      const pid = Number(near.bytes.toString());
      near.channel[end]();
      await near.closed;
      expect(near.cause).to.equal(undefined);
      await ended(pid, isAlive);
      // What it said last is on its way.
      await settled(() => stderr.length);
      return stderr;
    }

    const onTerm = (then: string): string =>
      `process.on("SIGTERM", () => { require("fs").writeSync(2, "SIGTERM "); ${then} })`;

    for (const end of ['close', 'destroy'] as const) {
      it(`by the end of its stdin alone, if that is enough (${end})`, async () => {
        expect(await endOf(`${untilEnd} ${onTerm('')}`, end)).to.equal('exit 0');
      });

      it(`by SIGTERM, if it does not listen to that (${end})`, async () => {
        const script = `${forEver} ${onTerm('process.exit(5)')}`;
        expect(await endOf(script, end)).to.equal('SIGTERM exit 5');
      });

      it(`by SIGKILL, if it does not listen at all (${end})`, async () => {
        expect(await endOf(`${forEver} ${onTerm('')}`, end)).to.equal('SIGTERM ');
      });
    }

    it('when the dial is given up', async () => {
      const abort = new AbortController();
      const reason = new Error('changed my mind');
      const dialling = pipe(node(forEver)).dial(abort.signal);
      abort.abort(reason);
      expect(await dialling.catch((error) => error)).to.equal(reason);
      // The hook finds a process that is left.
    });
  });
});
