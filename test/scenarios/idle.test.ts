import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { connect, type Server, serve } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { Executions, verbs } from '../support/verbs.ts';

const program = fileURLToPath(new URL('../support/idle-main.ts', import.meta.url));
const run = promisify(execFile);

describe('Promise 8: idle costs nothing and dies quietly', () => {
  let server: Server;

  before(async () => {
    const slow = (name: string): string | Promise<string> =>
      name === 'slow' ? new Promise((resolve) => setTimeout(resolve, 500, 'late')) : `done ${name}`;
    const handlers = { ...new Executions().handlers(), read: slow };
    // The programs do not come back, and the server outlives each test.
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', keepSessionsMs: 0 });
  });

  after(() => server.close());

  /** What a program of its own prints, and how long it lives after it began to. */
  async function outputOf(what: string): Promise<{ text: string; ms: number }> {
    const start = performance.now();
    const { stdout } = await run(
      process.execPath,
      ['--import=tsx', program, server.urls[0] as string, what],
      { timeout: 25_000 },
    );
    return { text: stdout.trim(), ms: performance.now() - start };
  }

  for (const [what, text] of [
    ['call', 'done x'],
    ['ready', 'ready'],
    ['nothing', 'nothing'],
    ['pending', 'late'],
  ] as const) {
    it(`lets a process end by itself, and not before its calls have settled (${what})`, async () => {
      const output = await outputOf(what);
      expect(output.text).to.equal(text);
      // The connection is open and the deadline of 30 s far away: neither may hold the process.
      expect(output.ms).to.be.lessThan(20_000);
    });
  }

  it('sets no timer that fires often', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = connect(server.urls[0] as string, verbs, { clock });
    await client.call.read('x');
    let fired = 0;
    for (let step = 0; step < 100 && clock.nextDueAt !== undefined; step++) {
      await clock.pass((clock.nextDueAt ?? 0) - clock.now());
      fired++;
    }
    // What is left over from the call: its heartbeat, looked at once and not set again.
    expect(fired).to.be.lessThan(4);
    expect(clock.keepsAlive).to.equal(false);
    expect(await client.call.read('y')).to.equal('done y');
    await client.close();
  });

  it('makes the next call after any idle time', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = connect(server.urls[0] as string, verbs, { clock });
    for (const idleMs of [0, 10, 20_000, 3_600_000, 30 * 24 * 3_600_000]) {
      await clock.pass(idleMs);
      expect(await client.call.mutate(`after ${idleMs}`)).to.equal(`done after ${idleMs}`);
    }
    await client.close();
  });
});
