import { expect } from 'chai';
import { connect, serve } from '../lib/index.ts';
import { Executions, verbs } from './support/verbs.ts';

describe('holdfast', () => {
  it('carries a call of each class over TCP', async () => {
    const executions = new Executions();
    const server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
    const client = connect(server.urls[0] as string, verbs);
    for (const verb of ['read', 'idempotent', 'semi', 'once', 'mutate'] as const) {
      expect(await client.call[verb](verb)).to.equal(`done ${verb}`);
    }
    await client.close();
    await server.drain();
    expect(executions.total).to.equal(5);
  });
});
