import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Breaker } from '../support/breaker.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Journal } from '../support/journal.ts';
import { ended, isRunning } from '../support/processes.ts';
import { Load } from '../support/scene-load.ts';
import { type SceneOrder, type SceneReport, SceneServer } from '../support/scene-server.ts';
import { expectTruth } from '../support/truth.ts';

/** How a hand-over goes here: quickly, unless the machine is busy. */
const quick: SceneOrder = { noticeMs: 100, timeoutMs: 30_000, readyTimeoutMs: 30_000 };

/** Most handlers are done at once, and a few run on behind the notice. */
function mixedDelayMs(): number {
  const kind = Math.random();
  if (kind < 0.3) return 0;
  return kind < 0.97 ? 1 + Math.random() * 15 : 100 + Math.random() * 150;
}

/** Programs that never listen. */
const failures: readonly (readonly [what: string, script: string])[] = [
  ['ends at once', 'process.exit(3)'],
  ['crashes', 'process.kill(process.pid, "SIGSEGV")'],
  ['never says that it is ready', 'setTimeout(() => {}, 60_000)'],
  [
    'does not end when it is asked to',
    'process.on("SIGTERM", () => {}); setTimeout(() => {}, 60_000)',
  ],
];

/** @param restarts how many of them, one after the other */
export function restartScenes(restarts: number): void {
  describe(`A server that is restarted ${restarts} times by handing over to the next process`, function () {
    this.timeout(60_000 + restarts * 5_000);
    let program: Compiled;
    let folder: string;
    let server: SceneServer;
    let load: Load;
    let breakers: Breaker[];

    before(async () => {
      program = await compile('./scene-main.ts');
    });

    after(() => program.remove());

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
      breakers = [];
      await start(['tcp://127.0.0.1:0', `unix:${join(folder, 'socket')}`]);
    });

    afterEach(async () => {
      await load.destroy();
      await Promise.all(breakers.map((breaker) => breaker.close()));
      await server.kill();
      await rm(folder, { recursive: true });
    });

    async function start(listen: readonly string[]): Promise<void> {
      const [journal, order] = [join(folder, 'journal'), join(folder, 'order')];
      server = await SceneServer.start(program.path, { listen, journal, order });
    }

    /**
     * Three clients, one of which has both addresses.
     *
     * @param sharedShare of the calls that have the same key: records in memory go to the next
     *   process, but not beyond the death of the last one that has them
     */
    function call(urls: readonly string[] = server.urls, sharedShare = 0.2): void {
      const [tcp = '', unix = ''] = urls;
      load = new Load([tcp, unix, [unix, tcp]], {
        delayMs: mixedDelayMs,
        sharedShare,
      });
    }

    function judge(): Journal {
      const journal = Journal.read(join(folder, 'journal'));
      for (const one of load.told) expectTruth(one, journal);
      for (const { name, error } of load.told) {
        if (error === undefined) expect(journal.ended.of(name), name).to.be.at.least(1);
      }
      return journal;
    }

    /** Nobody has seen anything, and what is recorded has run once. */
    function judgeUnseen(): void {
      const journal = judge();
      for (const { name, safety, error } of load.told) {
        expect(error, name).to.equal(undefined);
        if (safety !== 'read') expect(journal.of(name), name).to.equal(1);
      }
    }

    it('shows no caller an error, and executes everything once', async () => {
      call();
      for (let restart = 0; restart < restarts; restart++) {
        await load.settled(50);
        expect(await server.restart(quick)).to.deep.equal([]);
      }
      await load.settled(50);
      await load.end();
      judgeUnseen();
      expect(server.pids.size).to.equal(restarts + 1);
    });

    it('does so too while the connections of its clients are cut', async () => {
      let cuts = 0;
      breakers = await Promise.all(server.urls.map((url) => Breaker.before(url)));
      for (const breaker of breakers) {
        const arm = (): void => {
          breaker.limit = 200 + Math.floor(Math.random() * 3_000);
          breaker.onLimit = (line) => {
            cuts++;
            // A Unix socket knows no reset.
            if (breaker === breakers[0] && Math.random() < 0.5) line.reset();
            else line.fin();
            arm();
          };
        };
        arm();
      }
      call(breakers.map(({ url }) => url));
      for (let restart = 0; restart < restarts; restart++) {
        await load.settled(50);
        expect(await server.restart(quick)).to.deep.equal([]);
      }
      await load.settled(50);
      await load.end();
      judgeUnseen();
      expect(cuts).to.be.above(restarts);
    });

    // The last one takes its predecessor's patience each time.
    for (const [what, script] of restarts < 20 ? failures.slice(0, -1) : failures) {
      it(`goes on as if nothing had been when the next one ${what}`, async () => {
        call();
        const { pid } = server;
        const told = `console.log(JSON.stringify({ kind: "started", pid: process.pid })); ${script}`;
        for (let restart = 0; restart < Math.min(3, restarts / 5); restart++) {
          await load.settled(50);
          const command = [process.execPath, '-e', told];
          server.handOver({ ...quick, command, readyTimeoutMs: 300 });
          let report: SceneReport | undefined;
          do report = await server.next();
          while (report?.kind === 'started');
          expect(report).to.deep.include({ kind: 'kept', pid, code: 'ERR_HOLDFAST_HAND_OVER' });
        }
        await load.settled(50);
        expect(await server.restart(quick)).to.deep.equal([]);
        await load.settled(50);
        await load.end();
        judgeUnseen();
      });
    }

    for (const victim of ['old', 'new'] as const) {
      it(`tells the truth when the ${victim} one is killed in the middle of it`, async () => {
        call(server.urls, 0);
        for (let restart = 0; restart < restarts; restart++) {
          await load.settled(50);
          const isServed = await (victim === 'old' ? killOld() : killNew());
          // What a supervisor does.
          if (!isServed) await start(server.urls);
        }
        await load.settled(50);
        await load.end();
        judge();
        const failed = load.told.filter(({ error }) => error !== undefined);
        for (const { name, safety, error } of failed) {
          expect(safety, `${name}: ${error}`).to.be.oneOf(['once', 'mutate']);
          expect(error, name).to.include({ outcome: 'unknown' });
          // Nothing waits for its time to be over.
          expect(error, name).not.to.include({ code: 'ERR_HOLDFAST_DEADLINE' });
        }
        // What was under way at each kill.
        expect(failed.length).to.be.at.most(9 * restarts);
      });
    }

    /** True when the next one serves, false when nobody is left. */
    async function killOld(): Promise<boolean> {
      const { pid } = server;
      server.handOver(quick);
      const kill = killLater(pid);
      let report: SceneReport | undefined;
      do report = await server.next();
      while (report !== undefined && report.kind !== 'serving');
      await ended(pid);
      clearTimeout(kill);
      return report !== undefined;
    }

    /** True when the old one goes on, false when nobody is left. */
    async function killNew(): Promise<boolean> {
      server.handOver(quick);
      let report = await server.next();
      const { pid } = report as SceneReport;
      expect(report?.kind).to.equal('started');
      const kill = killLater(pid);
      while (report !== undefined && report.kind !== 'kept') report = await server.next();
      await ended(pid);
      clearTimeout(kill);
      return report !== undefined;
    }

    function killLater(pid: number): NodeJS.Timeout {
      return setTimeout(() => isRunning(pid) && process.kill(pid, 'SIGKILL'), Math.random() * 600);
    }
  });
}
