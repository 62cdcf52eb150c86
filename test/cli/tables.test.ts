import { expect } from 'chai';
import { connect, type Server, serve } from '../../lib/index.ts';
import { run, start } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { handlers, verbs } from '../support/served-module.ts';

describe('holdfast verbs', function () {
  this.timeout(30_000);
  let server: Server;
  let url: string;

  beforeEach(async () => {
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    url = server.urls[0] as string;
  });

  afterEach(() => server.close());

  it('lists name, class and settings of each verb', async () => {
    const { out, err, code } = await run(['verbs', url]);
    expect({ err, code }).to.deep.equal({ err: '', code: 0 });
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rows[0]).to.deep.equal(['VERB', 'CLASS', 'SETTINGS']);
    expect(rows.slice(1).map(([name]) => name)).to.deep.equal(Object.keys(verbs));
    expect(rows).to.deep.include(['put', 'idempotent', 'maxAttempts 2, maxReplayAge 1.50 s']);
    expect(rows).to.deep.include(['pay', 'once']);
  });

  it('gives machines the table as the server has it', async () => {
    const { out } = await run(['verbs', url, '--json']);
    expect(JSON.parse(out)).to.deep.equal(JSON.parse(JSON.stringify(server.verbs)));
  });

  it('has colours where they are wanted, unless NO_COLOR says otherwise', async () => {
    const coloured = await run(['verbs', url], { env: { FORCE_COLOR: '1' } });
    expect(coloured.out).to.include('\u001b[31mmutate');
    const env = { FORCE_COLOR: '1', NO_COLOR: '1' };
    expect((await run(['verbs', url], { env })).out).to.not.include('\u001b');
  });
});

describe('holdfast top', function () {
  this.timeout(30_000);
  let servers: Server[];

  async function serving(exposeRoutes: boolean): Promise<string> {
    const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', exposeRoutes });
    servers.push(server);
    return server.urls[0] as string;
  }

  beforeEach(() => {
    servers = [];
  });

  afterEach(() => Promise.all(servers.map((server) => server.close())));

  it('shows what a server does, verb by verb', async () => {
    const url = await serving(true);
    const client = connect(url, verbs);
    for (let number = 0; number < 3; number++) await client.call.echo(number);
    await client.call.fail('x').catch(() => {});
    const { out, err, code } = await run(['top', url]);
    await client.close();
    expect({ err, code }).to.deep.equal({ err: '', code: 0 });
    const [head, titles, ...rows] = out.trimEnd().split('\n');
    expect(head).to.equal(`${url}  2 connections`);
    expect(titles).to.match(/^VERB +EFFECTIVE +PER S +ACTUAL +PER S +P50 +P95 +P99 +REPLAYS/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).to.deep.equal([
      ['echo', '100.00 %'],
      ['fail', '0.00 %'],
    ]);
  });

  it('gives machines a line for each look, with every server in it', async () => {
    const [one, other] = [await serving(true), await serving(true)];
    const client = connect(one, verbs);
    await client.call.echo(1);
    await client.close();
    const args = ['top', one, other, '--json', '--count', '2', '--interval', '10ms'];
    const { out, code } = await run(args);
    expect(code).to.equal(0);
    const looks = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(looks).to.have.length(2);
    for (const [first, second] of looks) {
      expect([first.url, second.url]).to.deep.equal([one, other]);
      expect(first.routes[0]).to.include({ verb: 'echo', effectiveSuccess: 1 });
      expect(second.routes).to.deep.equal([]);
    }
  });

  it('goes on with the others when a server does not answer, and exits with 1', async () => {
    const url = await serving(true);
    const absent = `tcp://127.0.0.1:${await freePort()}`;
    const { out, code } = await run(['top', absent, url, '--timeout', '1s']);
    expect(code).to.equal(1);
    expect(out).to.include(`${absent}  `).and.include('could not be reached');
    expect(out).to.include(`${url}  1 connection\nNo verb was called yet`);
  });

  it('says how a server is made to tell its figures', async () => {
    const { err, code } = await run(['top', await serving(false)]);
    expect(code).to.equal(5);
    expect(err).to.include('exposeRoutes');
  });

  it('ends in an orderly way at Ctrl-C', async () => {
    const url = await serving(true);
    const { child, line, ended } = await start(['top', url, '--json', '--count', '1000']);
    await line();
    child.kill('SIGINT');
    expect((await ended).code).to.equal(0);
  });
});
