import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { connect, type Server, serve } from '../../lib/index.ts';
import { commandPath } from '../support/command.ts';
import { handlers, verbs } from '../support/served-module.ts';

/**
 * Runs a command on a pseudo-terminal of 120 by 12. What it is sent goes to stdout; of what comes on
 * stdin each line is a key's code, or `columns rows`. At the end it says how the command ended, and
 * whether the terminal's settings are what they were.
 */
const driver = `
import fcntl, json, os, pty, select, struct, subprocess, sys, termios
ours, theirs = pty.openpty()
def resize(columns, rows):
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
resize(120, 12)
before = termios.tcgetattr(theirs)
def begin():
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
env = {**os.environ, 'TERM': 'xterm', 'NO_COLOR': '1'}
child = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=begin, env=env)
orders = b''
while True:
    ready, _, _ = select.select([ours, 0], [], [], 0.05)
    if ours in ready:
        os.write(1, os.read(ours, 65536))
    elif child.poll() is not None:
        break
    if 0 in ready:
        got = os.read(0, 4096)
        if not got:
            child.kill()
            break
        *lines, orders = (orders + got).split(b'\\n')
        for line in lines:
            numbers = [int(number) for number in line.split()]
            if len(numbers) == 1:
                os.write(ours, bytes(numbers))
            else:
                resize(*numbers)
code = child.wait()
sys.stderr.write(json.dumps({'code': code, 'isRestored': termios.tcgetattr(theirs) == before}))
`;

const home = '\u001b[H';
const wipe = '\u001b[2J';
const clearRest = '\u001b[J';
const leave = '\u001b[?25h\u001b[?1049l';

describe('holdfast top on a terminal', () => {
  let server: Server;
  let child: ChildProcessWithoutNullStreams;
  let shown: string;

  async function begin(interval: string): Promise<void> {
    const listen = 'tcp://127.0.0.1:0';
    server = await serve(verbs, handlers, { listen, exposeRoutes: true });
    const client = connect(server.urls[0] as string, verbs);
    await client.call.list();
    await client.close();
    const url = server.urls[0] as string;
    const command = [process.execPath, await commandPath(), 'top', url, '--interval', interval];
    child = spawn('python3', ['-c', driver, ...command]);
    shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
  }

  afterEach(async () => {
    child.kill();
    await server.close();
  });

  /** Resolves when the terminal has been sent these texts, one after another, since `from`. */
  async function sent(from: number, ...texts: readonly string[]): Promise<void> {
    let at = from;
    for (const text of texts) {
      while (shown.indexOf(text, at) < 0) await once(child.stdout, 'data');
      at = shown.indexOf(text, at) + text.length;
    }
  }

  async function ended(): Promise<unknown> {
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    await once(child, 'close');
    return JSON.parse(told);
  }

  for (const [key, code] of [
    ['q', 0x71],
    ['Ctrl-C', 0x03],
  ] as const) {
    it(`draws on a screen of its own, again and again, and gives the terminal back at ${key}`, async () => {
      await begin('100ms');
      await sent(0, '\u001b[?1049h\u001b[?25l', 'VERB', 'EFFECTIVE');
      const from = shown.length;
      await sent(from, home, 'VERB', home, 'VERB');
      expect(shown).not.to.include(leave);
      const end = ended();
      child.stdin.write(`${code}\n`);
      expect(await end).to.deep.equal({ code: 0, isRestored: true });
      const last = shown.slice(shown.indexOf(leave) + leave.length);
      expect(last).to.match(/^tcp:.*connection\s+VERB +EFFECTIVE/);
      expect(last).not.to.include('\u001b');
    });
  }

  it('fits into a terminal that becomes smaller and larger, without a look more', async () => {
    await begin('1h');
    await sent(0, 'VERB', 'UNKNOWN');
    let from = shown.length;
    child.stdin.write('20 3\n');
    await sent(from, `${wipe}${home}`, 'lines mor', clearRest);
    const [drawn = ''] = shown.slice(shown.indexOf(wipe, from)).split(clearRest);
    expect(drawn).not.to.include('UNKNOWN');
    expect(drawn.split('\n')).to.have.length(3);
    from = shown.length;
    child.stdin.write('120 12\n');
    await sent(from, `${wipe}${home}`, 'VERB', 'UNKNOWN');
    const end = ended();
    child.stdin.write('113\n');
    expect(await end).to.include({ isRestored: true });
  });
});
