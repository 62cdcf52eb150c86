import { existsSync } from 'node:fs';
import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type HoldfastError,
  type Medium,
} from '../../lib/index.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { type BzrVerbs, bzr, bzrVerbs } from '../../lib/protocols/bzr/index.ts';
import { type Direction, FaultMedium } from '../../lib/testing/index.ts';
import { Breaker } from '../support/breaker.ts';
import { BrzScene } from '../support/brz-scene.ts';
import { failureOf } from '../support/failure.ts';
import { lostLink } from '../support/lost-link.ts';
import { needPrograms } from '../support/programs.ts';

describe('A real Bazaar server behind a bad path', () => {
  let scene: BrzScene;
  let medium: FaultMedium;
  let clients: Client<BzrVerbs>[];

  before(async function () {
    needPrograms(this, 'brz');
    scene = await BrzScene.create();
  });

  after(() => scene?.remove());

  beforeEach(async () => {
    clients = [];
    await scene.serve();
    medium = new FaultMedium(mediumOf(scene.url));
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    medium.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await scene.stop();
  });

  function open(options: ClientOptions<BzrVerbs> = {}, target: Medium = medium): Client<BzrVerbs> {
    const quick = { reconnectBaseMs: 1, reconnectCapMs: 20, retryBudget: false } as const;
    const client = connect(target, bzrVerbs, { protocol: bzr(), ...quick, ...options });
    clients.push(client);
    return client;
  }

  /** The bytes of a greeting and a call, each way, with a name of three digits. */
  const span: Readonly<Record<Direction, number>> = { toServer: 190, toClient: 160 };

  for (const as of ['rst', 'fin'] as const) {
    for (const direction of ['toServer', 'toClient'] as const) {
      it(`does nothing twice, and is not misread, when ${direction} is cut (${as})`, async () => {
        const told = new Map<string, string>();
        for (let afterBytes = 1; afterBytes < span[direction]; afterBytes += 3) {
          const name = `${as}-${direction}-${String(afterBytes).padStart(3, '0')}`;
          medium.next({ [direction]: { cut: { afterBytes, as } } });
          told.set(name, await make(name, afterBytes % 2 === 1));
        }
        // A copy that still lay in a connection that was given up would run before the server ends.
        await scene.stop('SIGHUP');
        for (const [name, outcome] of told) await expectTruth(name, outcome);
        expect([...told.values()]).to.include('done');
      });
    }
  }

  /** Makes a folder, or a file; gives what is known of it. */
  async function make(name: string, isFolder: boolean): Promise<string> {
    const client = open();
    const { call } = client;
    const args = [name, ''];
    try {
      await (isFolder ? call.mkdir({ args }) : call.append({ args, body: name }));
      return 'done';
    } catch (error) {
      const { remote, outcome } = error as HoldfastError;
      // A server that is asked twice to make a folder says that it is there already.
      expect(remote, name).to.equal(undefined);
      return outcome;
    } finally {
      client.destroy();
    }
  }

  async function expectTruth(name: string, outcome: string): Promise<void> {
    if (outcome !== 'unknown') {
      expect(existsSync(scene.path(name)), `${name}, ${outcome}`).to.equal(outcome === 'done');
    }
    expect(await scene.content(name), name).to.be.oneOf([undefined, name]);
  }

  it('is read whole when the connection is lost at any byte of the answer', async () => {
    const body = Buffer.alloc(500, 'some bytes');
    await open().call.put({ args: ['whole', ''], body });
    for (let afterBytes = 70; afterBytes < 700; afterBytes += 7) {
      medium.next({ toClient: { cut: { afterBytes, as: afterBytes % 2 === 0 ? 'rst' : 'fin' } } });
      const client = open();
      const got = await client.call.get({ args: ['whole'] });
      expect(got.body.equals(body), `${afterBytes} bytes`).to.equal(true);
      client.destroy();
    }
  });

  it('is found by another connection when an idle one has gone silent', async () => {
    const client = open({ verifyAfterMs: 0, heartbeatTimeoutMs: 100 });
    await client.call.append({ args: ['silent', ''], body: 'a' });
    medium.last.stall();
    await client.call.append({ args: ['silent', ''], body: 'b' });
    expect(await scene.content('silent')).to.equal('ab');
    expect(medium.dials).to.equal(2);
  });

  it('is asked again when a connection falls silent under a call that may be repeated', async () => {
    // Behind the greeting nothing comes any more.
    medium.next({ toClient: { cut: { afterBytes: 80, as: 'stall' } } });
    const client = open({ attemptTimeoutMs: 200 });
    expect((await client.call.has({ args: ['trunk'] })).text(0)).to.equal('yes');
    expect(medium.dials).to.equal(2);
  });

  it('serves the next call when the one before could not reach it', async () => {
    const client = open();
    await client.call.has({ args: ['trunk'] });
    const gone = lostLink(client);
    await scene.stop();
    await gone;
    const append = { args: ['refused', ''], body: 'x' };
    const error = await failureOf(client.call.append(append, { timeoutMs: 200 }));
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    await scene.serve();
    await client.call.append(append);
    expect(await scene.content('refused')).to.equal('x');
  });

  it('is not misunderstood when a byte comes that it did not send', async () => {
    const breaker = await Breaker.before(scene.url);
    try {
      const client = open({}, mediumOf(breaker.url));
      for (const name of ['trunk', 'nothing', 'trunk', 'nothing']) {
        const reply = await client.call.has({ args: [name] });
        expect(reply.text(0)).to.equal(name === 'trunk' ? 'yes' : 'no');
        const gone = lostLink(client);
        breaker.last.client.write('Z');
        expect((await gone)?.message).to.include('no request asked for');
      }
    } finally {
      await breaker.close();
    }
  });

  it('takes several requests at a time over further links', async () => {
    const client = open({ maxLinks: 4 });
    const names = Array.from({ length: 24 }, (_, index) => `several-${index}`);
    await Promise.all(names.map((name) => client.call.append({ args: [name, ''], body: name })));
    for (const name of names) expect(await scene.content(name)).to.equal(name);
    expect(medium.dials).to.equal(4);
  });
});
