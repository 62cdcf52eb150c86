import { expect } from 'chai';
import { Network } from '../support/network.ts';
import { PeerProcess } from '../support/peer-process.ts';
import { needPrograms } from '../support/programs.ts';
import { RemoteClient } from '../support/remote-client.ts';

const options = {
  heartbeatMs: 400,
  heartbeatTimeoutMs: 400,
  verifyAfterMs: 500,
  dialTimeoutMs: 500,
  reconnectBaseMs: 20,
  reconnectCapMs: 100,
  timeoutMs: 20_000,
};

/** Heartbeat, its answer's time, and something for a busy machine. */
const detectionMs = 400 + 400 + 400;

describe('A path that goes silent', () => {
  let network: Network;
  let peer: PeerProcess;
  let client: RemoteClient;

  before(function () {
    needPrograms(this, 'ip', 'nft');
    network = new Network();
  });

  after(() => network?.remove());

  beforeEach(async () => {
    const inServer = Network.inside(network.server);
    peer = await PeerProcess.start({ wrapper: inServer, host: network.serverAddress });
    client = await RemoteClient.start(
      peer.urls[0] as string,
      options,
      Network.inside(network.client),
    );
    expect((await client.call('read', 'first')).value).to.equal('done first');
  });

  afterEach(async () => {
    await client.stop();
    await peer.stop();
  });

  it('is noticed within the configured time while a call waits, and the outcome is right', async () => {
    network.silence();
    // A call that is neither recorded nor repeated ends as soon as its link is given up.
    const { failure, ms } = await client.call('read', 'into the silence', { replay: 'never' });
    network.restore();
    expect(failure).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    expect(ms).to.be.within(700, detectionMs);
    expect((await client.call('mutate', 'after')).value).to.equal('done after');
    const counts = await peer.executions();
    expect(counts['after']).to.equal(1);
    expect(counts['into the silence'] ?? 0).to.be.at.most(1);
  });

  it('costs no call: each goes on when the path is back, and runs once', async () => {
    const classes = ['read', 'idempotent', 'semi', 'once', 'mutate'] as const;
    network.silence();
    const calls = classes.map((safety) => client.call(safety, `x ${safety}`));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    network.restore();
    const reports = await Promise.all(calls);
    expect(reports.map(({ value }) => value)).to.deep.equal(
      classes.map((safety) => `done x ${safety}`),
    );
    const counts = await peer.executions();
    for (const safety of classes) expect(counts[`x ${safety}`], safety).to.equal(1);
  });

  it('costs no mutate call on an idle link: the ping finds it and the call waits for a new one', async () => {
    await new Promise((resolve) => setTimeout(resolve, 600));
    network.silence();
    const call = client.call('mutate', 'y');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    network.restore();
    const report = await call;
    expect(report.value).to.equal('done y');
    expect((await peer.executions())['y']).to.equal(1);
  });
});
