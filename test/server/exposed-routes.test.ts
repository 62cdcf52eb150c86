import { expect } from 'chai';
import {
  connect,
  defineVerbs,
  read,
  type Server,
  type ServerOptions,
  serve,
} from '../../lib/index.ts';
import type { RoutesReport } from '../../lib/server/exposed-routes.ts';
import { expectFailure } from '../support/failing.ts';

const verbs = defineVerbs({ get: read<string, string>() });
const handlers = { get: (key: string) => `value of ${key}` };

describe('A server with exposeRoutes', () => {
  let server: Server;

  async function start(options: Partial<ServerOptions> = {}): Promise<string> {
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', ...options });
    return server.urls[0] as string;
  }

  afterEach(() => server.close());

  it('tells its figures by a verb behind its own, which is not among them', async () => {
    const client = connect(await start({ exposeRoutes: true }), verbs);
    await client.call.get('a');
    await client.call.get('b');
    await client.invoke('holdfast.routes');
    const { connections, routes } = (await client.invoke('holdfast.routes')) as RoutesReport;
    expect(connections).to.equal(1);
    expect(routes.map(({ verb, total }) => [verb, total.calls])).to.deep.equal([['get', 2]]);
    expect(routes[0]).to.have.keys(Object.keys(server.routes()[0] as object));
    expect(server.verbs.verbs.map(({ name }) => name)).to.deep.equal(['get', 'holdfast.routes']);
    await client.close();
  });

  it('asks who calls, as for every verb', async () => {
    const url = await start({
      exposeRoutes: true,
      authenticate: (credentials) => {
        if (credentials !== 'secret') throw new Error('who are you?');
        return 'ada';
      },
    });
    const stranger = connect(url);
    await expectFailure(stranger.invoke('holdfast.routes'), 'ERR_HOLDFAST_UNAUTHENTICATED');
    await stranger.close();
    const friend = connect(url, undefined, { credentials: 'secret' });
    expect(await friend.invoke('holdfast.routes')).to.have.property('routes');
    await friend.close();
  });

  it('has no such verb unless it is told to', async () => {
    const client = connect(await start());
    await expectFailure(client.invoke('holdfast.routes'), 'ERR_HOLDFAST_UNKNOWN_VERB');
    await client.close();
  });

  it('refuses a verb of that name besides its own', async () => {
    const url = await start();
    const taken = defineVerbs({ 'holdfast.routes': read<void, string>() });
    const mine = { 'holdfast.routes': () => 'mine' };
    const listen = 'tcp://127.0.0.1:0';
    await expectFailure(
      serve(taken, mine, { listen, exposeRoutes: true }),
      'ERR_HOLDFAST_REGISTRY',
      'exposeRoutes',
    );
    await server.close();
    server = await serve(taken, mine, { listen: url });
    const client = connect(url);
    expect(await client.invoke('holdfast.routes')).to.equal('mine');
    await client.close();
  });
});
