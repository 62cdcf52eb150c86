import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Compiled, compile } from '../support/compiled.ts';
import { Journal } from '../support/journal.ts';
import { needPrograms } from '../support/programs.ts';
import { RedisServer } from '../support/redis-server.ts';
import { Load } from '../support/scene-load.ts';
import { type ScenePlace, SceneServer } from '../support/scene-server.ts';
import { expectTruth } from '../support/truth.ts';

/** For so long nobody else knows that a process was killed. */
const leaseMs = 500;

/** Something that is killed when this is called, and is there again when that resolves. */
type Victim = () => Promise<void>;

/** The servers of a scene, which are started again at the same address when they were killed. */
export class CrashScene {
  readonly folder: string;
  readonly servers: SceneServer[] = [];
  load!: Load;
  readonly #program: string;

  private constructor(program: string, folder: string) {
    this.#program = program;
    this.folder = folder;
  }

  static async make(program: Compiled): Promise<CrashScene> {
    return new CrashScene(program.path, await mkdtemp(join(tmpdir(), 'holdfast-')));
  }

  /** One more server; what kills it. */
  async serve(store: ScenePlace): Promise<Victim> {
    const index = this.servers.length;
    const start = (listen: readonly string[]): Promise<SceneServer> => {
      const [journal, order] = [join(this.folder, 'journal'), join(this.folder, 'order')];
      const options = { storeTimeoutMs: 1_000 };
      return SceneServer.start(this.#program, { listen, journal, order, store, options });
    };
    this.servers.push(await start(['tcp://127.0.0.1:0']));
    return async () => {
      const server = this.servers[index] as SceneServer;
      await server.kill();
      this.servers[index] = await start(server.urls);
    };
  }

  /** Three clients that know all servers; some of their `once` calls have the same key. */
  call(): void {
    const urls = this.servers.map((server) => server.urls[0] as string);
    const delayMs = (): number => (Math.random() < 0.3 ? 0 : Math.random() * 15);
    this.load = new Load([urls, [...urls].reverse(), urls], {
      delayMs,
      workers: ['once', 'once', 'once', 'idempotent', 'mutate'],
      sharedShare: 0.2,
    });
  }

  /** Kills one of the victims after the other, at any moment. */
  async kill(rounds: number, ...victims: readonly Victim[]): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await this.load.settled(Math.floor(Math.random() * 60));
      await sleep(Math.random() * 10);
      await (victims[Math.floor(Math.random() * victims.length)] as Victim)();
    }
    await this.load.settled(50);
    await this.load.end();
    expect(this.load.replays).to.be.at.least(1);
  }

  /** By the servers' records; gives the `once` calls of which nobody can tell. */
  judge(journal: Journal): number {
    const { told } = this.load;
    for (const one of told) expectTruth(one, journal);
    let unknown = 0;
    for (const { name, safety, error } of told) {
      if (error === undefined) {
        expect(journal.ended.of(name), `the end of ${name}`).to.be.at.least(1);
        continue;
      }
      // What may be repeated was repeated, and nothing that can be done is left undone.
      expect(safety, `${name}: ${error}`).to.be.oneOf(['once', 'mutate']);
      expect(error, name).to.include({ outcome: 'unknown' });
      // Nothing waits for its time to be over.
      expect(error, name).not.to.include({ code: 'ERR_HOLDFAST_DEADLINE' });
      if (safety === 'once') unknown++;
    }
    return unknown;
  }

  get journal(): Journal {
    return Journal.read(join(this.folder, 'journal'));
  }

  async end(): Promise<void> {
    await this.load.destroy();
    await Promise.all(this.servers.map((server) => server.kill()));
    await rm(this.folder, { recursive: true });
  }
}

/**
 * Two servers behind one list of addresses.
 *
 * @param rounds how often one of them, or their Redis, is killed
 */
export function fleetScenes(rounds: number): void {
  describe(`Two servers that share a Redis, of which one is killed ${rounds} times at any moment`, function () {
    this.timeout(60_000 + rounds * 5_000);
    let program: Compiled;
    let redis: RedisServer;
    let scene: CrashScene;

    before(async function () {
      needPrograms(this, 'redis-server');
      program = await compile('./scene-main.ts');
    });

    after(() => program?.remove());

    beforeEach(async () => {
      redis = await RedisServer.start();
      scene = await CrashScene.make(program);
    });

    afterEach(async () => {
      await scene.end();
      await redis.stop();
    });

    it('executes every once call at most once, and tells the truth of each', async () => {
      const place: ScenePlace = { kind: 'redis', url: redis.url, leaseMs };
      const victims = [await scene.serve(place), await scene.serve(place)];
      scene.call();
      await scene.kill(rounds, ...victims, async () => {
        await redis.kill();
        await redis.start();
      });
      scene.judge(scene.journal);
    });
  });
}

/** @param rounds how often the server is killed */
export function crashScenes(rounds: number): void {
  describe(`A server that is killed ${rounds} times at any moment`, function () {
    this.timeout(60_000 + rounds * 5_000);
    let program: Compiled;
    let scene: CrashScene;

    before(async () => {
      program = await compile('./scene-main.ts');
    });

    after(() => program.remove());

    beforeEach(async () => {
      scene = await CrashScene.make(program);
    });

    afterEach(() => scene.end());

    it('executes every once call at most once, and tells the truth of each, with records in LMDB', async () => {
      const path = join(scene.folder, 'records');
      const victim = await scene.serve({ kind: 'lmdb', path, leaseMs });
      scene.call();
      await scene.kill(rounds, victim);
      scene.judge(scene.journal);
    });

    it('executes every once call exactly once, and leaves none unknown, in transactions of LMDB', async () => {
      const path = join(scene.folder, 'records');
      const victim = await scene.serve({ kind: 'lmdb', path, leaseMs, isTransactional: true });
      scene.call();
      await scene.kill(rounds, victim);
      const { journal } = scene;
      await journal.addCommitted(path);
      expect(scene.judge(journal)).to.equal(0);
      for (const { name, safety } of scene.load.told) {
        if (safety === 'once') expect(journal.of(name), name).to.equal(1);
      }
    });
  });
}
