import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Client, connect, safeties } from '../../lib/index.ts';
import { type PipeOptions, pipe } from '../../lib/media/pipe.ts';
import { divertStdout } from '../../lib/media/stdio/divert.ts';
import { listenerFromUrl, stdio } from '../../lib/media/stdio.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { FrameDecoder } from '../../lib/protocols/holdfast/frame-decoder.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { expectFailure } from '../support/failing.ts';
import { ended, isAlive } from '../support/processes.ts';
import { clientHello, call as rawCall } from '../support/raw-frames.ts';
import { Recorder, seededBytes, settled, writeAll } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

/** The program as it is: slower to start, but seen by the measuring of coverage. */
const asItIs = [
  '--import=tsx',
  fileURLToPath(new URL('../support/stdio-main.ts', import.meta.url)),
];

/** The program as it is takes long for its start on a busy machine. */
const patienceMs = 60_000;

describe('Serving on stdin and stdout', function () {
  this.timeout(patienceMs);
  let program: Compiled;
  let folder: string;
  let log: string;
  let clients: Client<typeof verbs>[];

  before(async () => {
    // Node makes it when it is first asked for, and then it stays: no test has left that behind.
    expect(process.stdin.destroyed).to.equal(false);
    program = await compile('./stdio-main.ts');
  });

  after(() => program.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    log = join(folder, 'log');
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    // A program that was cut off may just leave its last note there.
    await rm(folder, { recursive: true, maxRetries: 10 });
  });

  function open(options: Partial<PipeOptions> = {}): Client<typeof verbs> {
    const run = { command: process.execPath, args: [program.path, log] };
    const client = connect(pipe({ ...run, ...options }), verbs);
    clients.push(client);
    return client;
  }

  it('carries calls of each class, and ends with its client', async () => {
    const client = open({ args: [...asItIs, log] });
    for (const safety of safeties) {
      expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
    }
    const pid = Number(await client.call.read('pid'));
    expect(isAlive(pid)).to.equal(true);
    await client.close();
    await ended(pid);
    expect(readFileSync(`${log}.end`, 'utf8')).to.equal('0');
    expect(readFileSync(log, 'utf8').trim().split('\n')).to.deep.equal([...safeties, 'pid']);
  });

  it('starts from URLs at both ends', async () => {
    const url = new URLSearchParams({ command: process.execPath, arg: program.path });
    const client = connect(`pipe:?${url}&arg=${encodeURIComponent(log)}`, verbs);
    clients.push(client);
    expect(await client.call.mutate('x')).to.equal('done x');
  });

  it('reads nothing while it is paused, and loses nothing', async () => {
    const medium = pipe({ command: process.execPath, args: [...asItIs, log, 'echo'] });
    const near = new Recorder(await medium.dial(new AbortController().signal));
    const bytes = seededBytes(1, 3_000_000);
    await writeAll(near.channel, bytes);
    expect((await near.take(bytes.length)).equals(bytes)).to.equal(true);
    near.channel.close();
    expect(await near.closed).to.equal(undefined);
  });

  it('keeps what handlers print out of the stream', async () => {
    let stderr = '';
    const client = open({
      onStderr: (chunk) => {
        stderr += chunk.toString();
      },
    });
    for (let round = 0; round < 3; round++) {
      const both = [client.call.read('print some words'), client.call.read(`x ${round}`)];
      expect(await Promise.all(both)).to.deep.equal(['printed', `done x ${round}`]);
    }
    await client.close();
    expect(stderr.split('\n').filter((line) => line === 'some words')).to.have.length(3 * 1_002);
  });

  for (const [where, command] of [
    ['a socket', '"$@" flush'],
    ['a pipe', '"$@" flush | cat'],
  ] as const) {
    it(`has sent everything when it is closed, so that the process may exit, where stdout is ${where}`, async () => {
      const args = ['-c', command, 'sh', process.execPath, ...asItIs, log];
      const child = spawn('sh', args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      // Far more has been written by now than fits between the two processes.
      await once(child.stdout, 'readable');
      expect(await textOf(child.stdout)).to.equal('x'.repeat(7_000_000));
      expect(await exited).to.deep.equal([0, null]);
    });
  }

  it('writes whole frames in their order also where stdout is a file', async () => {
    const file = join(folder, 'out');
    const output = openSync(file, 'w');
    const child = spawn(process.execPath, [program.path, log], {
      stdio: ['pipe', output, 'ignore'],
    });
    const exited = once(child, 'exit');
    closeSync(output);
    const long = 'x'.repeat(300_000);
    const inputs = ['a', long, 'b', 'print c', long, 'd'];
    const calls = inputs.map((value, index) => rawCall({ number: index + 1, value }));
    child.stdin?.write(Buffer.concat([clientHello(), ...calls]));
    while (framesIn(file).length < 1 + inputs.length) await new Promise(setImmediate);
    child.stdin?.end();
    expect(await exited).to.deep.equal([0, null]);
    const replies = inputs.map(() => FrameType.reply);
    expect(framesIn(file)).to.deep.equal([FrameType.hello, ...replies]);
  });

  it('tells the program of the end, where something else keeps it alive', async () => {
    let stderr = '';
    const client = open({
      args: [...asItIs, log, 'hold'],
      termAfterMs: 8_000,
      onStderr: (chunk) => {
        stderr += chunk.toString();
      },
    });
    const pid = Number(await client.call.read('pid'));
    await client.close();
    await ended(pid, isAlive);
    // What it said last is on its way.
    await settled(() => stderr.length);
    expect(stderr).to.equal('the end\n');
  });

  it('ends when nobody reads its stdout any more', async () => {
    const child = spawn(process.execPath, [...asItIs, log], { stdio: 'pipe' });
    const exited = once(child, 'exit');
    child.stdin.on('error', () => {});
    child.stdin.write(clientHello());
    await once(child.stdout, 'readable');
    child.stdout.destroy();
    // The answer to this has no reader.
    child.stdin.write(rawCall({ number: 1, value: 'x' }));
    expect(await exited).to.deep.equal([0, null]);
    expect(await textOf(child.stderr)).to.equal('');
  });

  it('is possible once in a process', async () => {
    const answer = await open().call.read('again');
    expect(answer).to.equal(
      'ERR_HOLDFAST_LISTEN Cannot listen on stdin and stdout (stdio:): they are served already, or were',
    );
  });

  it('is not possible at a terminal', async () => {
    const { isTTY } = process.stdout;
    process.stdout.isTTY = true;
    try {
      const listening = stdio().listen(() => {});
      await expectFailure(listening, 'ERR_HOLDFAST_LISTEN', 'they are a terminal; this is for');
    } finally {
      process.stdout.isTTY = isTTY;
    }
  });

  it('is nothing that one can connect to', async () => {
    const client = connect(mediumOf('stdio:'), verbs);
    clients.push(client);
    const error = await expectFailure(
      client.call.read('x'),
      'ERR_HOLDFAST_URL',
      'stdio: cannot be connected to',
    );
    expect(error.final).to.equal(true);
  });

  it('refuses options and URLs that are wrong', async () => {
    const wrong = { onEdn: () => {} } as object;
    await expectFailure(() => stdio(wrong), 'ERR_HOLDFAST_OPTION', 'did you mean "onEnd"?');
    await expectFailure(() => stdio({ onEnd: 1 as never }), 'ERR_HOLDFAST_OPTION', 'a function');
    const text = 'has nothing behind the colon';
    await expectFailure(() => listenerFromUrl('stdio:x'), 'ERR_HOLDFAST_URL', text);
  });
});

describe('The diversion of stdout', () => {
  it('leads to stderr until it is taken back, and lets bytes pass that are meant for stdout', () => {
    const { stdout, stderr } = process;
    const writes = { stdout: stdout.write, stderr: stderr.write };
    const seen: string[] = [];
    const listeners = stderr.listenerCount('error');
    stdout.write = ((text: string | Uint8Array) => seen.push(`out ${text}`)) as never;
    stderr.write = ((text: string) => seen.push(`err ${text}`)) as never;
    const ours = stdout.write;
    try {
      const diverted = divertStdout();
      console.log('one');
      stdout.write('two');
      diverted.write(Buffer.from('three'), () => {});
      diverted.restore();
      expect(stdout.write).to.equal(ours);
      stdout.write('four');
    } finally {
      stdout.write = writes.stdout;
      stderr.write = writes.stderr;
    }
    expect(seen).to.deep.equal(['err one\n', 'err two', 'out three', 'out four']);
    expect(stderr.listenerCount('error')).to.equal(listeners);
  });

  it('leaves alone what somebody else has put before it', () => {
    const { stdout } = process;
    const { write } = stdout;
    const diverted = divertStdout();
    const other = (() => true) as typeof write;
    try {
      stdout.write = other;
      diverted.restore();
      expect(stdout.write).to.equal(other);
    } finally {
      stdout.write = write;
    }
  });
});

/** The types of the frames that are whole in a file; a server that has to wait sends pings too. */
function framesIn(file: string): number[] {
  const types: number[] = [];
  new FrameDecoder({ onFrame: (type) => types.push(type) }, 1_000_000).push(readFileSync(file));
  return types.filter((type) => type !== FrameType.ping);
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
