import { inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { type Client, type ClientOptions, connect, type Medium } from '../../lib/index.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { type BzrVerbs, bzr, bzrVerbs, registered } from '../../lib/protocols/bzr/index.ts';
import { Breaker } from '../support/breaker.ts';
import { BrzScene, breezy } from '../support/brz-scene.ts';
import { failureOf } from '../support/failure.ts';
import { lostLink } from '../support/lost-link.ts';
import { needPrograms } from '../support/programs.ts';
import { type SshMedium, sshMedium } from '../support/ssh-scene.ts';
import { Sshd } from '../support/sshd.ts';

describe('The registry of Bazaar', () => {
  before(function () {
    needPrograms(this, 'brz');
  });

  it('has the verbs of the installed server, with the classes that they have there', async () => {
    const listed = await breezy(`
import json
from breezy.bzr.smart.request import request_handlers
print(json.dumps({key.decode(): request_handlers.get_info(key) for key in request_handlers.keys()}))
`);
    const classes = Object.entries(registered).map(([name, verb]) => [name, verb.class]);
    expect(Object.fromEntries(classes)).to.deep.equal(JSON.parse(listed));
    expect(classes).to.have.length(93);
  });

  it('says which requests have a body as their handlers have it', async () => {
    const listed = await breezy(`
import json
from breezy.bzr.smart import request
def body(handler):
    if handler.do_chunk is not request.SmartServerRequest.do_chunk: return 'chunks'
    if handler.do_body is not request.SmartServerRequest.do_body: return 'bytes'
    return None
print(json.dumps({key.decode(): body(request.request_handlers.get(key)) for key in request.request_handlers.keys()}))
`);
    const bodies = Object.entries(registered).map(([name, verb]) => [
      name,
      'body' in verb ? verb.body : null,
    ]);
    expect(Object.fromEntries(bodies)).to.deep.equal(JSON.parse(listed));
  });
});

describe('A real Bazaar server', () => {
  let scene: BrzScene;
  let sshd: Sshd;
  let clients: Client<BzrVerbs>[];

  before(async function () {
    needPrograms(this, 'brz', 'sshd', 'ssh', 'ssh-keygen', 'ps');
    scene = await BrzScene.create();
  });

  after(() => scene?.remove());

  beforeEach(async () => {
    clients = [];
    sshd = await Sshd.start();
    await scene.serve();
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await scene.stop();
    await sshd.stop();
  });

  function open(medium: Medium | string, options: ClientOptions<BzrVerbs> = {}): Client<BzrVerbs> {
    const quick = { reconnectBaseMs: 5, reconnectCapMs: 50 };
    const client = connect(medium, bzrVerbs, { protocol: bzr(), ...quick, ...options });
    clients.push(client);
    return client;
  }

  function mediumFor(name: 'tcp' | 'pipe' | SshMedium): Medium | Promise<Medium> {
    if (name === 'tcp') return mediumOf(scene.url);
    const [command, ...args] = scene.inet;
    if (name === 'pipe') return pipe({ command, args, env: scene.env });
    return sshMedium(sshd, name, { command: scene.inetLine });
  }

  for (const name of ['tcp', 'pipe', 'ssh', 'openssh'] as const) {
    describe(`by ${name}`, () => {
      it('answers what is asked of a branch', async () => {
        const client = open(await mediumFor(name));
        const last = await client.call['Branch.last_revision_info']({ args: ['trunk/'] });
        const id = await scene.revisionId(2);
        expect([0, 1, 2].map((index) => last.text(index))).to.deep.equal(['ok', '2', id]);
        const tags = await client.call['Branch.get_tags_bytes']({ args: ['trunk/'] });
        expect(tags.text(0)).to.equal(`d2:v1${id.length}:${id}e`);
        const earlier = await client.call['Repository.get_rev_id_for_revno']({
          args: ['trunk/', 1, [2, id]],
        });
        expect([earlier.text(0), earlier.text(1)]).to.deep.equal(['ok', await scene.revisionId(1)]);
      });

      it('takes bodies and streams, and gives them', async () => {
        const client = open(await mediumFor(name));
        const body = Buffer.alloc(300_000, 'some bytes');
        const args = [`file-${name}`, ''];
        await client.call.put({ args, body });
        await client.call.append({ args, body: ['a', 'bc', ''].map((one) => Buffer.from(one)) });
        const { body: got } = await client.call.get({ args: args.slice(0, 1) });
        expect(got.equals(Buffer.concat([body, Buffer.from('abc')]))).to.equal(true);
        const id = await scene.revisionId(1);
        const revisions = await client.call['Repository.iter_revisions']({
          args: ['trunk/'],
          body: id,
        });
        expect(revisions.text(0)).to.equal('ok');
        expect(inflateSync(revisions.body).toString()).to.include('The first');
      });

      it('does each of many calls once, and gives each its own answer', async () => {
        const client = open(await mediumFor(name));
        const names = Array.from({ length: 30 }, (_, index) => `many-${name}-${index}`);
        await Promise.all(names.map((one) => client.call.append({ args: [one, ''], body: one })));
        const answers = await Promise.all(names.map((one) => client.call.get({ args: [one] })));
        expect(answers.map(({ body }) => body.toString())).to.deep.equal(names);
      });

      it('tells its errors', async () => {
        const client = open(await mediumFor(name));
        const missing = await failureOf(client.call.get({ args: ['no-such-file'] }));
        expect(missing).to.include({ code: 'ERR_HOLDFAST_REMOTE', outcome: 'executed' });
        expect(missing.remote?.code).to.equal('NoSuchFile');
        const unknown = await failureOf(client.invoke('No.such_verb', {}));
        expect(unknown).to.include({
          code: 'ERR_HOLDFAST_UNKNOWN_VERB',
          outcome: 'not-executed',
        });
        expect((await client.call.hello({})).text(1)).to.equal('2');
      });
    });
  }

  for (const name of ['ssh', 'openssh'] as const) {
    it(`loses no call when its sshd is killed while the link is idle (${name})`, async () => {
      const client = open(await mediumFor(name));
      for (let round = 0; round < 3; round++) {
        await client.call.has({ args: ['trunk'] });
        const gone = lostLink(client);
        sshd.killSessions();
        await gone;
        await client.call.append({ args: [`killed-${name}`, ''], body: 'x' });
      }
      expect(await scene.content(`killed-${name}`)).to.equal('xxx');
    });
  }

  it('costs no call when it ends idle connections', async () => {
    await scene.stop();
    await scene.serve({ clientTimeout: 0.2 });
    const client = open(scene.url);
    for (let round = 0; round < 3; round++) {
      await client.call.append({ args: ['timed-out', ''], body: 'x' });
      await lostLink(client);
    }
    expect(await scene.content('timed-out')).to.equal('xxx');
  });

  for (const signal of ['SIGKILL', 'SIGHUP'] as const) {
    it(`is found again after it was ended by ${signal} and started anew`, async () => {
      const client = open(scene.url);
      for (let round = 0; round < 2; round++) {
        await client.call.append({ args: [`after-${signal}`, ''], body: 'x' });
        const gone = lostLink(client);
        await scene.stop(signal);
        await gone;
        const waiting = client.call.append({ args: [`after-${signal}`, ''], body: 'y' });
        await scene.serve();
        await waiting;
      }
      expect(await scene.content(`after-${signal}`)).to.equal('xyxy');
    });
  }

  it('is read to the end through a path that is cut again and again', async () => {
    const breaker = await Breaker.before(scene.url);
    try {
      const client = open(breaker.url, { retryBudget: false, maxAttempts: 255 });
      const id = await scene.revisionId(2);
      let cuts = 0;
      for (let limit = 75; limit < 400; limit += 25) {
        breaker.limit = limit;
        breaker.onLimit = (line) => {
          cuts++;
          // The next connection lasts.
          breaker.limit = Number.POSITIVE_INFINITY;
          if (cuts % 2 === 0) line.reset();
          else line.fin();
        };
        const gone = breaker.lines.length === 0 ? undefined : lostLink(client);
        breaker.lines.at(-1)?.reset();
        await gone;
        const [last, tags] = await Promise.all([
          client.call['Branch.last_revision_info']({ args: ['trunk/'] }),
          client.call['Branch.get_tags_bytes']({ args: ['trunk/'] }),
        ]);
        expect(last.text(2)).to.equal(id);
        expect(tags.text(0)).to.include(id);
      }
      expect(cuts).to.be.above(5);
    } finally {
      await breaker.close();
    }
  });

  it('does nothing twice when requests are cut at any byte', async () => {
    const breaker = await Breaker.before(scene.url);
    try {
      const told = new Map<string, string>();
      for (let limit = 72; limit < 200; limit += 3) {
        const client = open(breaker.url);
        breaker.limit = limit;
        breaker.onLimit = (line) => {
          breaker.limit = Number.POSITIVE_INFINITY;
          line.reset();
        };
        const name = `cut-${limit}`;
        await client.call.append({ args: [name, ''], body: 'once only' }).then(
          () => told.set(name, 'done'),
          ({ outcome }) => told.set(name, outcome),
        );
        client.destroy();
        breaker.limit = Number.POSITIVE_INFINITY;
      }
      for (const [name, outcome] of told) {
        const content = await scene.content(name);
        if (outcome === 'done') expect(content, name).to.equal('once only');
        else expect([outcome, content], name).to.be.deep.oneOf(truths);
      }
    } finally {
      await breaker.close();
    }
  });
});

/** What may be of a call that failed. */
const truths = [
  ['unknown', undefined],
  ['unknown', 'once only'],
  ['not-executed', undefined],
];
