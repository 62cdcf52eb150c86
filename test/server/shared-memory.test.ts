import { expect } from 'chai';
import { connect, defineVerbs, idempotent, read, type Server, serve } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { call, endRawPeers, numberOf, RawPeer, replied } from '../support/raw-peer.ts';

const verbs = defineVerbs({
  get: read<string, string>(),
  put: idempotent<string, string>(),
  soon: read<string, string>(),
});

/** What a call is answered with: no two are the same. */
function answerTo(input: string): string {
  return `${input}:${input.repeat(40)}`;
}

describe('Replies to several clients', () => {
  let server: Server;

  beforeEach(async () => {
    const handlers = {
      get: answerTo,
      put: answerTo,
      soon: async (input: string) => answerTo(input),
    };
    const options = { listen: 'tcp://127.0.0.1:0', maxOutgoingBytes: 64 * 1024 * 1024 };
    server = await serve(verbs, handlers, options);
  });

  afterEach(async () => {
    await endRawPeers();
    await server.close();
  });

  it('stay what they are while they wait for one that does not read, whatever others get', async () => {
    const count = 20_000;
    const slow = await RawPeer.greeted(server.urls[0] as string);
    slow.socket.pause();
    const client = connect(server.urls[0] as string, verbs);
    for (let number = 1; number <= count; number++) {
      slow.send(call({ number, verb: number % 2 === 0 ? 0 : 2, value: `slow-${number}` }));
      if (number % 1_000 > 0) continue;
      const inputs = Array.from({ length: 200 }, (_, index) => `fast-${number}-${index}`);
      const make = number % 2_000 === 0 ? client.call.get : client.call.soon;
      const outputs = await Promise.all(inputs.map((input) => make(input)));
      expect(outputs).to.deep.equal(inputs.map(answerTo));
    }
    slow.socket.resume();
    for (let left = count; left > 0; left--) {
      const answer = await slow.nextOf(FrameType.reply);
      const wanted = answerTo(`slow-${numberOf(answer)}`);
      if (replied(answer) !== wanted) expect(replied(answer)).to.equal(wanted);
    }
    await client.close();
  });

  it('stay what they are while they are kept for a client that has not acknowledged them', async () => {
    const client = connect(server.urls[0] as string, verbs);
    const peer = await RawPeer.greeted(server.urls[0] as string);
    peer.send(call({ number: 1, verb: 1, value: 'kept' }));
    expect(replied(await peer.nextOf(FrameType.reply))).to.equal(answerTo('kept'));
    for (let round = 0; round < 50; round++) {
      const inputs = Array.from({ length: 50 }, (_, index) => `${round}-${index}`);
      await Promise.all(inputs.map((input) => client.call.get(input)));
    }
    peer.send(call({ number: 1, verb: 1, value: 'kept', attempt: 2 }));
    expect(replied(await peer.nextOf(FrameType.reply))).to.equal(answerTo('kept'));
    await client.close();
  });
});
