import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type Server, serve } from '../../lib/index.ts';
import { run } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { Executions, verbs } from '../support/verbs.ts';

/** Passes bytes on, and cuts a connection that is silent for so long. */
async function listenIdly(to: number, idleMs: number): Promise<net.Server> {
  const proxy = net.createServer((near) => {
    const far = net.connect(to, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {}).pipe(other);
      one.setTimeout(idleMs, () => {
        near.resetAndDestroy();
        far.resetAndDestroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return proxy;
}

describe('holdfast ping', function () {
  this.timeout(30_000);
  let server: Server;
  let url: string;

  beforeEach(async () => {
    server = await serve(verbs, new Executions().handlers(), { listen: 'tcp://127.0.0.1:0' });
    url = server.urls[0] as string;
  });

  afterEach(() => server.close());

  it('tells people of each round trip, and of all', async () => {
    const { out, err, code } = await run(['ping', url, '--count', '3', '--interval', '10ms']);
    expect({ err, code }).to.deep.equal({ err: '', code: 0 });
    const lines = out.trimEnd().split('\n');
    expect(lines).to.have.length(6);
    expect(lines[0]).to.match(/^connected in [\d.]+ ms$/);
    for (const line of lines.slice(1, 4)) expect(line).to.match(/^ {3}[123] {2}[\d.]+ ms$/);
    expect(lines[4]).to.match(/^3 round trips: min [\d.]+ ms, median [\d.]+ ms, max [\d.]+ ms$/);
    expect(lines[5]).to.include('no idle limit is known');
  });

  it('tells machines of all by an object', async () => {
    const { out, code } = await run(['ping', url, '--count', '4', '--interval', '1ms', '--json']);
    expect(code).to.equal(0);
    const report = JSON.parse(out);
    expect(report).to.include({ url, answered: 4, lost: 0, reconnects: 0, idleLimitMs: null });
    expect(report.minMs).to.be.above(0);
    expect(report.medianMs).to.be.within(report.minMs, report.maxMs);
  });

  it('finds out after how long a silence the path is cut, and goes on', async () => {
    const proxy = await listenIdly(Number(new URL(url).port), 1_050);
    const port = (proxy.address() as AddressInfo).port;
    const cut = await run([
      'ping',
      `tcp://127.0.0.1:${port}`,
      ...['--count', '2', '--interval', '2s', '--json'],
    ]);
    await new Promise((resolve) => proxy.close(resolve));
    expect(cut.code).to.equal(0);
    const report = JSON.parse(cut.out);
    expect(report).to.include({ answered: 2, lost: 0, reconnects: 1 });
    expect(report.idleLimitMs).to.be.within(1_000, 2_000);
  });

  it('exits with 3 when nobody listens, and when nobody answers', async () => {
    const absent = await run(['ping', `tcp://127.0.0.1:${await freePort()}`]);
    expect(absent.code).to.equal(3);
    expect(absent.out).to.equal('');
    expect(absent.err).to.include('ECONNREFUSED').and.include('Is the server running');
    const sockets: net.Socket[] = [];
    const dumb = net.createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => dumb.listen(0, '127.0.0.1', resolve));
    const { port } = dumb.address() as AddressInfo;
    const silent = await run(['ping', `tcp://127.0.0.1:${port}`, '--timeout', '200ms']);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => dumb.close(resolve));
    expect(silent.code).to.equal(3);
    expect(silent.err).to.include('within 200 ms');
  });

  it('says when what answers is no holdfast server', async () => {
    const other = net.createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400\r\n'),
    );
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { err, code } = await run(['ping', `tcp://127.0.0.1:${port}`]);
    await new Promise((resolve) => other.close(resolve));
    expect(code).to.be.oneOf([3, 5]);
    expect(err).to.include('is it a holdfast server?');
  });
});
