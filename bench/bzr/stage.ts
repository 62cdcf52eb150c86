import { createHash } from 'node:crypto';
import type { Answer, Contender, Request, Succeeded } from './contender.ts';
import { Door } from './door.ts';
import { nameOf } from './requests.ts';
import type { BrzServer, Scene } from './scene.ts';
import type { SshHouse } from './ssh.ts';

/** A call of a row. */
export interface Trial {
  readonly title: string;
  readonly answer: Answer;
  /** The answer is what was asked for. */
  readonly isRight: boolean;
  /** How often the server has executed it so far, by what is found there. */
  readonly count: () => number | undefined;
  /** Executing it twice is harm. */
  readonly isUnsafe: boolean;
}

/** Where one contender goes through one row: a server, a door in front of it, a client. */
export class Stage {
  readonly door: Door;
  readonly scene: Scene;
  readonly #contender: Contender;
  readonly #ssh: SshHouse | undefined;
  /** A name that nothing has on the server yet. */
  readonly name: string;
  readonly #boundMs: number;
  server: BrzServer;
  #appends = 0;

  private constructor(
    name: string,
    contender: Contender,
    { scene, ssh, boundMs }: { scene: Scene; ssh?: SshHouse; boundMs: number },
    server: BrzServer,
  ) {
    this.name = name;
    this.scene = scene;
    this.server = server;
    this.#contender = contender;
    this.#ssh = ssh;
    this.#boundMs = boundMs;
    this.door = new Door(ssh?.port ?? server.port, ssh === undefined);
  }

  /** @param facilities with `ssh` the server is at the far end of ssh */
  static async set(
    name: string,
    contender: Contender,
    facilities: { scene: Scene; ssh?: SshHouse; boundMs: number },
  ): Promise<Stage> {
    const stage = new Stage(name, contender, facilities, await facilities.scene.server());
    const { door } = stage;
    await door.open();
    const place = { host: '127.0.0.1', port: door.port };
    await contender.open((await facilities.ssh?.place(door.port)) ?? place);
    // A connection that works, and a client that has learned what it wants to know.
    const { answer } = await stage.has('home', true);
    if (answer.is !== 'answer') throw new Error(`${contender.name} cannot call at all`);
    return stage;
  }

  async close(): Promise<void> {
    await this.#contender.close();
    await this.door.close();
  }

  /** Connections lead to another server from now on. */
  async succeed(): Promise<void> {
    this.server = await this.scene.serve();
    this.door.target = this.server.port;
  }

  /** The ssh client that is in use is killed. */
  async killSsh(): Promise<void> {
    await this.#ssh?.killClient(this.door.port);
  }

  async lastRevision(): Promise<Trial> {
    const expected = ['ok', '2', this.scene.lastRevision()].join();
    const request = { verb: 'Branch.last_revision_info', args: ['trunk/'] };
    return await this.#read(request, ({ words }) => words.join() === expected);
  }

  async has(name: string, isThere: boolean): Promise<Trial> {
    const request = { verb: 'has', args: [this.#path(name)] };
    const tried = await this.#read(request, ({ words }) => words[0] === (isThere ? 'yes' : 'no'));
    return { ...tried, title: `has, ${isThere ? 'yes' : 'no'}` };
  }

  async get(): Promise<Trial> {
    const sha1 = createHash('sha1').update(this.scene.big).digest('hex');
    const request = { verb: 'get', args: [this.#path('big')] };
    return await this.#read(request, (answer) => answer.sha1 === sha1);
  }

  async append(): Promise<Trial> {
    const name = `${this.name}-${this.#appends++}`;
    const request = { verb: 'append', args: [this.#path(name), ''], body: 'x' };
    const answer = await this.#contender.call(request, this.#boundMs);
    const count = (): number => this.scene.size(name);
    return { title: 'append', answer, isRight: true, count, isUnsafe: true };
  }

  /** Puts a stream of revisions into a repository of its own. */
  async insertStream(): Promise<Trial> {
    const verb = 'Repository.insert_stream_1.19';
    const { revisions: stream } = this.scene;
    const request = { verb, args: [`${this.name}/`, ''], stream };
    const answer = await this.#contender.call(request, this.#boundMs);
    const isRight = answer.is !== 'answer' || answer.words[0] === 'ok';
    const count = (): number => this.scene.insertions(this.name);
    return { title: 'insert_stream', answer, isRight, count, isUnsafe: true };
  }

  async #read(request: Request, isGood: (answer: Succeeded) => boolean): Promise<Trial> {
    const { verb, args } = request;
    const answer = await this.#contender.call(request, this.#boundMs);
    const isRight = answer.is !== 'answer' || isGood(answer);
    // What goes through ssh cannot be read.
    const count = (): number | undefined =>
      this.#ssh === undefined ? (this.door.answered.get(nameOf(verb, args)) ?? 0) : undefined;
    return { title: verb.replace(/^.*\./, ''), answer, isRight, count, isUnsafe: false };
  }

  /** By ssh the root of the machine is served. */
  #path(name: string): string {
    return this.#ssh === undefined ? name : this.scene.path(name);
  }
}
