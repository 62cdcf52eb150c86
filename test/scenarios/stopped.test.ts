import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Safety } from '../../lib/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Journal } from '../support/journal.ts';
import { Load } from '../support/scene-load.ts';
import { type ScenePlace, SceneServer } from '../support/scene-server.ts';
import { expectTruth } from '../support/truth.ts';

/** The server gives its clients' handlers up, and the clients that say nothing, before it goes on. */
const serverOptions = {
  resumeGraceMs: 200,
  idlePingMs: 200,
  heartbeatTimeoutMs: 200,
  // Longer than a stop: whoever is stopped while it writes holds the file's lock for as long.
  storeTimeoutMs: 3_000,
};

const clientOptions = { heartbeatMs: 100, heartbeatTimeoutMs: 200, dialTimeoutMs: 300 };

/** Past all of these. */
const stopMs = 1_000;

/** A process that is stopped for so long counts as gone. */
const leaseMs = 400;

/** For callers who do not wait until it goes on, and what a busy machine adds. */
const hastyMs = 300;
const marginMs = 2_000;

const stops = 2;

const repeatable: readonly Safety[] = ['read', 'idempotent', 'semi'];

describe('A server whose process is stopped past every grace, and goes on', function () {
  this.timeout(60_000);
  let program: Compiled;
  let folder: string;
  let servers: SceneServer[];
  let patient: Load;
  let hasty: Load;

  before(async () => {
    program = await compile('./scene-main.ts');
  });

  after(() => program.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    servers = [];
  });

  afterEach(async () => {
    await patient.destroy();
    await hasty.destroy();
    await Promise.all(servers.map((server) => server.kill()));
    await rm(folder, { recursive: true });
  });

  async function serve(store?: ScenePlace): Promise<void> {
    const task = {
      listen: ['tcp://127.0.0.1:0'],
      journal: join(folder, 'journal'),
      order: join(folder, 'order'),
      options: serverOptions,
      ...(store === undefined ? {} : { store }),
    };
    servers.push(await SceneServer.start(program.path, task));
  }

  function call(): void {
    const urls = servers.map((server) => server.urls[0] as string);
    const targets = [urls, [...urls].reverse(), urls];
    /** Some are under way for longer than the grace. */
    const delayMs = (): number => (Math.random() < 0.9 ? Math.random() * 15 : Math.random() * 500);
    const options = { delayMs, sharedShare: 0.2, client: clientOptions };
    patient = new Load(targets, options);
    hasty = new Load(targets, { ...options, who: 'hasty', call: { timeoutMs: hastyMs } });
  }

  /** Each in its turn is stopped and goes on. */
  async function stop(): Promise<void> {
    for (let round = 0; round < stops; round++) {
      const server = servers[round % servers.length] as SceneServer;
      await patient.settled(50);
      await sleep(Math.random() * 10);
      server.signal('SIGSTOP');
      await sleep(stopMs + Math.random() * 500);
      server.signal('SIGCONT');
    }
    await patient.settled(100);
    await Promise.all([patient.end(), hasty.end()]);
  }

  function judge(journal: Journal): void {
    for (const one of [...patient.told, ...hasty.told]) expectTruth(one, journal);
    for (const { name, safety, error } of patient.told) {
      if (repeatable.includes(safety)) expect(error, name).to.equal(undefined);
      if (error === undefined) continue;
      expect(error, name).to.include({ outcome: 'unknown' });
      expect(error, name).not.to.include({ code: 'ERR_HOLDFAST_DEADLINE' });
    }
    expect(hasty.slowestMs).to.be.below(hastyMs + marginMs);
  }

  it('runs nothing twice, and leaves nobody without a true answer', async () => {
    await serve();
    call();
    await stop();
    judge(Journal.read(join(folder, 'journal')));
  });

  for (const isTransactional of [false, true]) {
    const how = isTransactional ? ', and loses nothing that it did in transactions' : '';
    it(`runs nothing twice that its clients have brought to another server meanwhile${how}`, async () => {
      const path = join(folder, 'records');
      await serve({ kind: 'lmdb', path, leaseMs, isTransactional });
      await serve({ kind: 'lmdb', path, leaseMs, isTransactional });
      call();
      await stop();
      const journal = Journal.read(join(folder, 'journal'));
      if (isTransactional) await journal.addCommitted(path);
      judge(journal);
      for (const { name, safety, error } of patient.told) {
        if (isTransactional && safety === 'once') expect(error, name).to.equal(undefined);
      }
    });
  }
});
