import { expect } from 'chai';
import { connect, type Handlers, read, type Server, serve, type Verbs } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';

const kinds = {
  unary: read<string, string>(),
  serverStream: read.serverStream<string, string>(),
  clientStream: read.clientStream<string, string, string>(),
  duplex: read.duplex<string, string, string>(),
} as const;

describe('A verb that is of one kind here and of another at the server', () => {
  const servers: Server[] = [];

  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

  async function serving(verbs: Verbs): Promise<string> {
    let executions = 0;
    const handlers = { it: () => executions++ } as unknown as Handlers<Verbs>;
    const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    servers.push(server);
    return server.urls[0] as string;
  }

  for (const [kind, theirs] of Object.entries(kinds)) {
    if (kind === 'unary') continue;
    it(`is not called: a call here, a ${kind} there`, async () => {
      const url = await serving({ it: theirs });
      for (const registry of [{ it: kinds.unary }, undefined]) {
        const client = connect(url, registry as Verbs);
        const error = await failureOf(client.invoke('it', 'x'));
        expect(error).to.include({
          code: 'ERR_HOLDFAST_UNKNOWN_VERB',
          outcome: 'not-executed',
          final: true,
        });
        expect(error.message).to.contain(`of the kind "unary", and at the server "${kind}"`);
        await client.close();
      }
    });
  }
});
