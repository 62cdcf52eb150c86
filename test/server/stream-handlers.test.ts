import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { call, frame, ping, u48 } from '../support/raw-peer.ts';
import { credit, end, item, nextCredit, nextItem } from '../support/raw-streams.ts';
import { place, roundTrip, StreamScene, wide } from '../support/stream-scene.ts';

const cancel = (number: number): Buffer => frame(FrameType.cancel, u48(number));

describe('What a handler with streams holds', () => {
  let scene: StreamScene;

  beforeEach(() => {
    scene = new StreamScene();
  });

  afterEach(() => scene.end());

  it('is closed when it comes too late: a Node stream, a Web stream, a generator', async () => {
    const closed: string[] = [];
    let give: () => void = () => {};
    const node = new Readable({
      read: () => {},
      destroy: (error, done) => {
        closed.push('node');
        done(error);
      },
    });
    const web = new ReadableStream({ cancel: () => void closed.push('web') });
    const generator = {
      next: () => Promise.reject(new Error('nobody wants it')),
      return: async () => {
        closed.push('generator');
        return { done: true as const, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    const url = await scene.listen({
      watch: async (name) => {
        scene.note(name);
        await new Promise<void>((resolve) => {
          give = resolve;
        });
        return { node, web, generator }[name] as AsyncIterable<unknown>;
      },
    });
    const peer = await scene.greeted(url);
    for (const [index, value] of ['node', 'web', 'generator'].entries()) {
      const number = index + 1;
      peer.send(call({ number, verb: place.watch, value }), credit(number, 0, wide));
      await scene.notes(number);
      peer.send(cancel(number));
      await roundTrip(peer);
      give();
      await roundTrip(peer);
    }
    expect(closed).to.deep.equal(['node', 'web', 'generator']);
  });

  it('is closed when its client never asks for an item', async () => {
    const node = new Readable({ read: () => {} });
    const url = await scene.listen({
      watch: () => {
        scene.note('begun');
        return node;
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.watch }));
    await scene.notes(1);
    await roundTrip(peer);
    const closed = new Promise((resolve) => node.once('close', resolve));
    peer.send(cancel(1));
    await closed;
  });

  it('may fail before its client asks for an item: that is the error of the call', async () => {
    const url = await scene.listen({
      watch: () => {
        const file = createReadStream('/nowhere/at/all');
        file.once('close', () => scene.note('closed'));
        return file;
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.watch }));
    await scene.notes(1);
    peer.send(credit(1, 0, wide));
    const { body } = await peer.nextOf(FrameType.error);
    expect(body.toString()).to.contain('ENOENT');
  });

  it('is no whole upload when the handler fails while something of it still takes the items', async () => {
    let fail: (error: Error) => void = () => {};
    const url = await scene.listen({
      upload: async (_, { items }) => {
        const taking = async (): Promise<void> => {
          try {
            for await (const each of items) scene.note(each);
            scene.note('whole');
          } catch {
            scene.note('not whole');
          }
        };
        const failing = new Promise((_resolve, reject) => {
          fail = reject;
        });
        await Promise.all([taking(), failing]);
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    peer.send(item({ number: 1, item: 1, value: 'a' }));
    await scene.notes(1);
    fail(new Error('the disk is full'));
    await peer.nextOf(FrameType.error);
    expect(await scene.notes(2)).to.deep.equal(['a', 'not whole']);
  });

  it('is no whole upload either when all of it came, and was not taken before the handler ended', async () => {
    let goOn: () => void = () => {};
    const url = await scene.listen({
      upload: async (_, { items }) => {
        void (async () => {
          try {
            for await (const each of items) {
              scene.note(each);
              await new Promise<void>((resolve) => {
                goOn = resolve;
              });
            }
            scene.note('whole');
          } catch {
            scene.note('not whole');
          }
        })();
        await scene.notes(1);
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    peer.send(item({ number: 1, item: 1, value: 'a' }), item({ number: 1, item: 2, value: 'b' }));
    peer.send(end(1, 2));
    await peer.nextOf(FrameType.reply);
    goOn();
    expect(await scene.notes(2)).to.deep.equal(['a', 'not whole']);
  });

  it('brings its answer once when the client has the last item before the answer has its turn', async () => {
    const streams = 32;
    const large = Buffer.alloc(64 * 1024);
    let finish: () => void = () => {};
    const url = await scene.listen(
      {
        watch: async function* (name) {
          if (name === 'large') {
            for (let count = 1; ; count++) {
              if (count === 16) scene.note('full');
              yield large;
            }
          }
          yield 'only';
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        },
        echo: (text) => {
          scene.note(text);
          return text;
        },
      },
      { maxOutgoingBytes: 64 * 1024 * 1024 },
    );
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.watch, value: 'small' }), credit(1, 0, wide));
    expect(await nextItem(peer)).to.deep.equal([1, 'only']);
    // More than the connection takes: from now on everything waits for its turn.
    peer.socket.pause();
    for (let number = 2; number < 2 + streams; number++) {
      peer.send(call({ number, verb: place.watch, value: 'large' }), credit(number, 0, 2 ** 40));
    }
    await scene.notes(streams);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    peer.send(credit(1, 1, wide), call({ number: 99, verb: place.echo, value: 'later' }));
    await scene.notes(streams + 1);
    peer.socket.resume();
    for (let number = 2; number < 2 + streams; number++) peer.send(cancel(number));
    let answers = 0;
    // Behind the first of them nothing waits any more.
    for (let trip = 0; trip < 2; trip++) {
      peer.send(ping(7));
      for (let next = await peer.next(); next.type !== FrameType.pong; next = await peer.next()) {
        if (next.type === FrameType.reply && next.body.readUIntBE(1, 6) === 1) answers++;
      }
    }
    expect(answers).to.equal(1);
  });
});
