import { expect } from 'chai';
import { connect, serve } from '../../lib/index.ts';
import { Executions, verbs } from '../support/verbs.ts';

describe('A client that verifies its link before every unsafe call', () => {
  for (const probeAfterMs of [5, 0]) {
    it(`asks once for a call, and then makes it (looks after ${probeAfterMs} ms)`, async () => {
      const executions = new Executions();
      const server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
      const client = connect(server.urls[0] as string, verbs, { verifyAfterMs: 0, probeAfterMs });
      for (const name of ['first', 'second', 'third']) {
        expect(await client.call.mutate(name, { timeoutMs: 2_000 })).to.equal(`done ${name}`);
      }
      const all = Array.from({ length: 50 }, (_, index) => client.call.mutate(`many ${index}`));
      await Promise.all(all);
      await client.close();
      await server.close();
    });
  }
});
