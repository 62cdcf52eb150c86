import { expect } from 'chai';
import { type Server, serve, tcp } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import type { Answer, Estate, PassedListener, Predecessor } from '../../lib/server/predecessor.ts';
import { clientHello, endRawPeers, RawPeer, replied, reply, u48 } from '../support/raw-peer.ts';
import { Executions, verbs } from '../support/verbs.ts';

const session = Buffer.alloc(16, 0x2b);

/** Something that is settled from outside. */
class Later<Value> {
  resolve!: (value: Value) => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<Value>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

describe('A server that has taken everything over from another', () => {
  let server: Server;
  const rest = new Later<readonly Estate[]>();
  const claimed = new Later<Estate>();
  const answer = new Later<Answer>();
  /** What the predecessor was asked, in order. */
  const asked: string[] = [];

  /** One whose calls end with its connection, as those of a real one do. */
  const predecessor: Predecessor = {
    ready: () => Promise.resolve({ servers: ['old'], completions: 'records of old' }),
    claim: () => claimed.promise,
    answer: () => {
      asked.push('answer');
      return answer.promise;
    },
    cancel: () => {},
    rest: () => rest.promise,
    records: {
      begin: () => Promise.resolve({ state: 'new' }),
      finish: () => Promise.resolve(),
      abandon: () => Promise.resolve(),
      takeAll: () => {
        asked.push('takeAll');
        return Promise.resolve([]);
      },
    },
    close: () => {
      asked.push('close');
      answer.reject(new Error('closed'));
    },
  };

  afterEach(async () => {
    await server.close();
    await endRawPeers();
  });

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('waits for the last answers before it lets go of it', async () => {
    const listener = tcp({ port: 0 });
    const listen: PassedListener = { listen: (accept) => listener.listen(accept), predecessor };
    server = await serve(verbs, new Executions().handlers(), { listen });
    const peer = await RawPeer.connect(server.urls[0] as string);
    peer.send(clientHello({ session, resume: u48(1) }));
    await turn();
    // A claim and the end of all come together.
    while (server.connections === 0) await turn();
    for (let turns = 0; turns < 20; turns++) await turn();
    rest.resolve([]);
    await turn();
    claimed.resolve({
      session: session.toString('hex'),
      owner: '',
      isComplete: true,
      acknowledged: 0,
      forgottenUpTo: 0,
      forgotten: [],
      done: [],
      frames: [],
      running: [1],
      verbs: ['mutate'],
    });
    await turn();
    answer.resolve({ frame: reply(1, 'done late'), isRecorded: true });
    await peer.nextOf(FrameType.hello);
    expect(replied(await peer.nextOf(FrameType.reply))).to.equal('done late');
    while (!asked.includes('close')) await turn();
    expect(asked).to.deep.equal(['answer', 'takeAll', 'close']);
  });
});
