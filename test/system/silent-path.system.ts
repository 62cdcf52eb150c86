import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Authority } from '../support/certificates.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Network } from '../support/network.ts';
import { needPrograms, needRoot } from '../support/programs.ts';
import { ClientProcess, type ClientReport, type RemoteClient } from '../support/remote-client.ts';
import { RemoteServer } from '../support/remote-server.ts';
import { sshMedia, sshUrl } from '../support/ssh-scene.ts';
import { Sshd } from '../support/sshd.ts';

const options = {
  heartbeatMs: 400,
  heartbeatTimeoutMs: 400,
  // A call that must not be repeated asks first whether anybody is there.
  verifyAfterMs: 0,
  dialTimeoutMs: 4_000,
  reconnectBaseMs: 20,
  reconnectCapMs: 100,
  timeoutMs: 20_000,
};
const serverOptions = { idlePingMs: 400, heartbeatTimeoutMs: 400 };

/** For a busy machine. */
const marginMs = 1_000;

/** Heartbeat and its answer's time. */
const detectionMs = options.heartbeatMs + options.heartbeatTimeoutMs + marginMs;

const media = ['tcp', 'tls', ...sshMedia] as const;

describe('A path that goes silent', () => {
  let network: Network;
  let cli: Compiled;
  let sshd: Sshd;
  let server: RemoteServer;
  let clients: ClientProcess;
  const urls = new Map<string, string>();
  let client: RemoteClient;

  before(async function () {
    needPrograms(this, 'ip', 'nft', 'sshd', 'ssh', 'ssh-keygen', 'ps');
    needRoot(this);
    network = new Network();
    const place = { wrapper: Network.inside(network.server), host: network.serverAddress };
    [cli, sshd] = await Promise.all([compile('../../lib/cli/main.ts'), Sshd.start(place)]);
    const { serverAddress: host } = network;
    const authority = new Authority();
    const identity = authority.issue({ addresses: [host] });
    for (const [name, text] of Object.entries({ ca: authority.cert, ...identity })) {
      writeFileSync(sshd.path(name), text);
    }
    const socket = sshd.path('socket');
    const identityFiles = `cert=${sshd.path('cert')}&key=${sshd.path('key')}`;
    const listen = [
      `tcp://${host}:0`,
      `tls://${host}:0?${identityFiles}`,
      `unix:${socket}`,
      'tcp://127.0.0.1:0',
    ];
    [server, clients] = await Promise.all([
      RemoteServer.start({ listen, ...serverOptions }, place.wrapper),
      ClientProcess.start(options, Network.inside(network.client)),
    ]);
    const [tcp, tls, , behind] = server.urls as [string, string, string, string];
    urls.set('tcp', tcp).set('tls', `${tls}?ca=${sshd.path('ca')}`);
    const command = `'${process.execPath}' '${cli.path}' bridge unix:${socket}`;
    const port = Number(new URL(behind).port);
    for (const name of sshMedia)
      urls.set(name, await sshUrl(sshd, name, { command, socket, port }));
  });

  after(async () => {
    await clients?.stop();
    await server?.stop();
    await sshd?.stop();
    network?.remove();
    await cli?.remove();
  });

  afterEach(async () => {
    client.end();
    await server.lonely();
  });

  function connect(name: string): RemoteClient {
    return clients.connect(urls.get(name) as string);
  }

  async function countOf(name: string): Promise<number> {
    return (await server.executions())[name] ?? 0;
  }

  for (const name of media) {
    describe(`by ${name}`, () => {
      it('is noticed in time at both ends while calls wait, and the outcomes are right', async () => {
        client = connect(name);
        const held = `held ${name}`;
        const running = client.call('mutate', held);
        await server.begun([held]);
        const lost = client.lost();
        const start = performance.now();
        network.silence();
        const lonely = server.lonely().then(() => performance.now() - start);
        try {
          // A call that is neither recorded nor repeated ends as soon as its link is given up.
          const { failure, ms } = await client.call('read', `lost ${name}`, { replay: 'never' });
          expect(failure).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
          expect(ms).to.be.within(options.heartbeatTimeoutMs, detectionMs);
          expect(await lost).to.match(/Nothing was heard from/);
          expect(await lonely, 'at the server').to.be.below(detectionMs);
          // Its reply has nobody to go to.
          await server.release();
        } finally {
          network.restore();
        }
        expect((await running).value).to.equal(`done ${held}`);
        expect((await client.call('mutate', `after ${name}`)).value).to.equal(`done after ${name}`);
        expect(await countOf(held)).to.equal(1);
        expect(await countOf(`after ${name}`)).to.equal(1);
        expect(await countOf(`lost ${name}`)).to.equal(0);
      });

      it('costs an idle client no call, whatever its class', async () => {
        const classes = ['read', 'idempotent', 'semi', 'once', 'mutate'] as const;
        const calls = classes.map((safety) => `${safety} ${name}`);
        client = connect(name);
        await client.call('read', `first ${name}`);
        const lost = client.lost();
        const start = performance.now();
        network.silence();
        const reports = classes.map((safety, index) => client.call(safety, calls[index] as string));
        try {
          await lost;
          expect(performance.now() - start).to.be.below(options.heartbeatTimeoutMs + marginMs);
        } finally {
          network.restore();
        }
        const values = (await Promise.all(reports)).map(({ value }) => value);
        expect(values).to.deep.equal(calls.map((one) => `done ${one}`));
        const counts = await Promise.all(calls.map(countOf));
        // What changes nothing is not asked after: it may arrive late and be repeated.
        expect(counts.shift()).to.be.within(1, 2);
        expect(counts).to.deep.equal([1, 1, 1, 1]);
      });

      it('while it dials costs only the calls whose time is over, and they are not executed', async () => {
        client = connect(name);
        network.silence();
        const patient = client.call('mutate', `patient ${name}`);
        try {
          const { failure, ms } = await client.call('mutate', `hasty ${name}`, { timeoutMs: 600 });
          expect(failure).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
          expect(ms).to.be.within(590, 600 + marginMs);
        } finally {
          network.restore();
        }
        expect((await patient).value).to.equal(`done patient ${name}`);
        expect(await countOf(`patient ${name}`)).to.equal(1);
        expect(await countOf(`hasty ${name}`)).to.equal(0);
      });

      it('soon after it began to dial leaves every call bounded and told the truth', async () => {
        const others: RemoteClient[] = [];
        const calls: Promise<ClientReport>[] = [];
        // The silence meets each of them at another moment.
        for (const aheadMs of [90, 22, 8, 0]) {
          const other = connect(name);
          others.push(other);
          calls.push(other.call('mutate', `${calls.length} ${name}`, { timeoutMs: 900 }));
          await new Promise((resolve) => setTimeout(resolve, aheadMs));
        }
        client = others[0] as RemoteClient;
        network.silence();
        const reports = await Promise.all(calls).finally(() => network.restore());
        for (const other of others) other.end();
        for (const [index, report] of reports.entries()) {
          expect(report.ms).to.be.below(900 + marginMs);
          expectTruth(report, await countOf(`${index} ${name}`));
        }
      });
    });
  }
});

/** Holds what a caller was told of a call against how often it was executed. */
function expectTruth({ failure }: ClientReport, count: number): void {
  if (failure === undefined) expect(count).to.equal(1);
  else if (failure.outcome === 'not-executed') expect(count).to.equal(0);
  else expect(count).to.be.at.most(1);
}
