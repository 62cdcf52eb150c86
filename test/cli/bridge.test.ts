import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { bridge } from '../../lib/cli/bridge.ts';
import { failureOf } from '../support/failure.ts';

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

describe('holdfast bridge', () => {
  let server: net.Server;
  let url: string;
  let onSocket: (socket: net.Socket) => void;

  beforeEach(async () => {
    server = net.createServer({ allowHalfOpen: true }, (socket) => onSocket(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('passes the end of its input on, and then still what the server answers', async () => {
    onSocket = (socket) => answerAtEnd(socket, (request) => `answer to ${request}`);
    const [input, output] = [new PassThrough(), new PassThrough()];
    const done = bridge(url, { input, output });
    input.end('question');
    expect(await text(output)).to.equal('answer to question');
    await done;
  });

  it('ends when the server ends, although its input stays open', async () => {
    onSocket = (socket) => socket.end('bye');
    const [input, output] = [new PassThrough(), new PassThrough()];
    const done = bridge(url, { input, output });
    expect(await text(output)).to.equal('bye');
    await done;
    expect(input.destroyed).to.equal(true);
  });

  it('waits when the server does not read, and when its own output is not read', async () => {
    let far: net.Socket | undefined;
    onSocket = (socket) => {
      far = socket;
      // Nobody reads here; what is sent fills the bridge's output.
      socket.on('error', () => {}).write(Buffer.alloc(50_000_000));
    };
    const [input, output] = [new PassThrough(), new PassThrough()];
    const done = bridge(url, { input, output }).catch(() => {});
    while (far === undefined) await new Promise(setImmediate);
    let taken = 0;
    const chunk = Buffer.alloc(65_536);
    while (taken < 50_000_000 && input.write(chunk)) {
      taken += chunk.length;
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    }
    expect(taken).to.be.lessThan(20_000_000);
    expect(output.readableLength).to.be.lessThan(1_000_000);
    far.destroy();
    output.resume();
    await done;
  });

  it('says where nobody listens', async () => {
    const ends = { input: new PassThrough(), output: new PassThrough() };
    const error = await failureOf(bridge('unix:/nowhere/at/all', ends));
    expect(error.code).to.equal('ERR_HOLDFAST_DIAL');
    expect(error.message).to.include('unix:/nowhere/at/all').and.include('ENOENT');
    const wrong = await failureOf(bridge('https://example.com', ends));
    expect(wrong.code).to.equal('ERR_HOLDFAST_URL');
  });

  describe('as a command', () => {
    let folder: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    });

    after(() => rm(folder, { recursive: true }));

    /** Runs the command with `input`; gives its output and exit code. */
    async function run(
      args: readonly string[],
      input: string,
    ): Promise<{ out: string; err: string; code: number }> {
      const child = spawn(process.execPath, ['--import=tsx', main, ...args]);
      child.stdin.on('error', () => {}).end(input);
      const exited = once(child, 'close');
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
      const [code] = (await exited) as [number];
      return { out, err, code };
    }

    it('joins stdin and stdout to a socket and exits with 0', async () => {
      onSocket = (socket) => answerAtEnd(socket, (request) => request.toUpperCase());
      const result = await run(['bridge', url], 'hello');
      expect(result).to.deep.equal({ out: 'HELLO', err: '', code: 0 });
    });

    it('exits with 1 when nobody listens and with 2 when it is used wrongly, and tells why on stderr alone', async () => {
      const path = join(folder, 'none');
      const absent = await run(['bridge', `unix:${path}`], '');
      expect(absent.code).to.equal(1);
      expect(absent.out).to.equal('');
      expect(absent.err).to.include(path).and.include('ENOENT');
      const wrong = await run(['brigde'], '');
      expect(wrong.code).to.equal(2);
      expect(wrong.err).to.include('did you mean "bridge"?');
    });
  });
});

/** Answers when the request has ended; the own direction is open until then. */
function answerAtEnd(socket: net.Socket, answer: (request: string) => string): void {
  let request = '';
  socket.on('data', (chunk: Buffer) => {
    request += chunk.toString();
  });
  socket.on('end', () => socket.end(answer(request)));
}
