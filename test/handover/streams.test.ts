import { expect } from 'chai';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import type { Answer } from '../../lib/server/predecessor.ts';
import { call } from '../support/raw-peer.ts';
import { credit, end, item, nextCredit, nextItem } from '../support/raw-streams.ts';
import { place, roundTrip, StreamScene, sessionOf } from '../support/stream-scene.ts';

describe('A server whose sessions another one takes', () => {
  let scene: StreamScene;

  beforeEach(() => {
    scene = new StreamScene();
  });

  afterEach(() => scene.end());

  it('ends streams, which cannot go on there, and lets calls run on that need no more items', async () => {
    const url = await scene.listen({
      upload: async (name, { items }) => {
        try {
          for await (const each of items) scene.note(`${name}: ${each}`);
        } catch {
          scene.note(`${name} was cut`);
          throw new Error('cut');
        }
        scene.note(`${name} has all`);
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return 'done';
      },
      watch: async function* () {
        try {
          for (;;) yield 'more';
        } finally {
          scene.note('the watch was closed');
        }
      },
    });
    let finish: () => void = () => {};
    const session = sessionOf(1);
    const peer = await scene.greeted(url, { session });
    peer.send(call({ number: 1, verb: place.upload, value: 'whole' }));
    await nextCredit(peer);
    peer.send(end(1, 0));
    await scene.notes(1);
    peer.send(call({ number: 2, verb: place.upload, value: 'part' }));
    await nextCredit(peer);
    peer.send(item({ number: 2, item: 1, value: 'a' }));
    peer.send(call({ number: 3, verb: place.watch }), credit(3, 0, 100));
    await nextItem(peer);
    await roundTrip(peer);
    const answers: [number, Answer | undefined][] = [];
    const core = scene.server?.core;
    const estate = core?.giveAway(session.toString('hex'), (number, answer) => {
      answers.push([number, answer]);
    });
    expect(estate?.running).to.deep.equal([1]);
    expect([...(estate?.forgotten ?? [])].sort()).to.deep.equal([2, 3]);
    await scene.notes(4);
    expect(scene.noted.slice(2).sort()).to.deep.equal(['part was cut', 'the watch was closed']);
    finish();
    while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [[number, answer]] = answers as [[number, Answer]];
    expect([number, answer.isRecorded]).to.deep.equal([1, true]);
    expect(answer.frame[4]).to.equal(FrameType.reply);
  });

  it('says which streams it has cut and what is known of them, but for those that had not begun', async () => {
    const url = await scene.listen(
      {
        upload: async (_, { items }) => {
          for await (const each of items) scene.note(each);
        },
        watch: () => ['all'],
      },
      { maxConcurrency: 1, maxQueue: 1 },
    );
    const session = sessionOf(1);
    const peer = await scene.greeted(url, { session });
    peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, 100));
    await nextItem(peer);
    peer.send(call({ number: 2, verb: place.upload }));
    await nextCredit(peer);
    peer.send(call({ number: 3, verb: place.chat }));
    await roundTrip(peer);
    const estate = scene.server?.core.giveAway(session.toString('hex'));
    expect(estate).to.deep.include({ running: [], done: [], forgottenUpTo: 0 });
    expect([...(estate?.forgotten ?? [])].sort()).to.deep.equal([1, 2]);
    const report = await scene.server?.drain({ timeoutMs: 5_000, noticeMs: 0 });
    const said = report?.cut.map(({ verb, outcome }) => [verb, outcome]);
    expect(said).to.deep.equal([
      ['watch', 'executed'],
      ['upload', 'unknown'],
    ]);
  });
});
