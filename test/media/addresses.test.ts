import dns from 'node:dns';
import net from 'node:net';
import { expect } from 'chai';
import sinon from 'sinon';
import { connect, type Medium, type Server, serve, tcp } from '../../lib/index.ts';
import { ssh } from '../../lib/media/ssh.ts';
import { tls } from '../../lib/media/tls.ts';
import { Authority } from '../support/certificates.ts';
import { failureOf } from '../support/failure.ts';
import { SshServer } from '../support/ssh-server.ts';
import { Executions, verbs } from '../support/verbs.ts';

const name = 'several.example';

/** Nobody listens there, on whatever port. */
const refusing = ['127.0.0.2', '::1'];

/** The medium for a name, with a server that is at 127.0.0.1 alone. */
const media: Readonly<Record<string, (run: Run) => Promise<Medium>>> = {
  tcp: async (run) => tcp({ host: name, port: await run.listen() }),
  tls: async (run) => {
    const authority = new Authority();
    const port = await run.listen(tls({ port: 0, ...authority.issue({ names: [name] }) }));
    return tls({ host: name, port, ca: authority.cert });
  },
  ssh: async (run) => {
    const forwardTo = { host: '127.0.0.1', port: await run.listen() };
    const { port, hostKeys } = await run.listenSsh();
    const knownHosts = hostKeys.map((key) => `[${name}]:${port} ${key.public}\n`).join('');
    return ssh({ host: name, port, user: 'me', agent: false, knownHosts, forwardTo });
  },
};

/** The servers of one test. */
class Run {
  readonly executions: Executions = new Executions();
  server: Server | undefined;
  sshServer: SshServer | undefined;

  async listen(listen = tcp({ port: 0 })): Promise<number> {
    this.server = await serve(verbs, this.executions.handlers(), { listen });
    return Number(new URL(this.server.urls[0] as string).port);
  }

  async listenSsh(): Promise<SshServer> {
    this.sshServer = await SshServer.listen();
    return this.sshServer;
  }

  async close(): Promise<void> {
    await this.server?.close();
    await this.sshServer?.close();
  }
}

describe('A host name with several addresses', () => {
  let run: Run;
  let found: readonly string[];

  beforeEach(() => {
    run = new Run();
    const lookup = sinon.stub(dns, 'lookup').callThrough();
    lookup.withArgs(name).callsFake(((
      _name: string,
      _options: object,
      done: (error: null, all: dns.LookupAddress[]) => void,
    ) => {
      const all = found.map((address) => ({ address, family: net.isIP(address) }));
      process.nextTick(done, null, all);
    }) as unknown as typeof dns.lookup);
  });

  afterEach(async () => {
    sinon.restore();
    await run.close();
  });

  for (const [scheme, mediumOf] of Object.entries(media)) {
    for (const addresses of [
      ['127.0.0.1', ...refusing],
      [...refusing, '127.0.0.1'],
    ]) {
      it(`is reached over ${scheme} where one of ${addresses} answers`, async () => {
        found = addresses;
        const client = connect(await mediumOf(run), verbs, { timeoutMs: 5_000 });
        expect(await client.call.mutate('x')).to.equal('done x');
        expect(run.executions.of('x')).to.equal(1);
        await client.close();
      });
    }

    it(`is not reached over ${scheme} where none answers, and that is no proof of anything for good`, async () => {
      found = refusing;
      const client = connect(await mediumOf(run), verbs, { timeoutMs: 200 });
      const error = await failureOf(client.call.mutate('x'));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
      expect(error.message).to.include('ECONNREFUSED');
      await client.close();
    });
  }
});
