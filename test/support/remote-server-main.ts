import { serve } from '../../lib/index.ts';
import { HeldHandlers } from './held-handlers.ts';
import type { FromServer, ServerQuestion } from './remote-server.ts';
import { verbs } from './verbs.ts';

/** A server in a process of its own: `remote-server-main OPTIONS`. */
const handlers = new HeldHandlers();
const server = await serve(verbs, handlers.all, JSON.parse(process.argv[2] ?? ''));

async function answer(question: ServerQuestion): Promise<FromServer> {
  switch (question.kind) {
    case 'begun':
      await handlers.begun(question.names);
      return {};
    case 'release':
      handlers.release();
      return {};
    case 'executions':
      return { counts: handlers.executions.counts() };
    case 'lonely':
      while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return {};
  }
}

process.on('message', (question: ServerQuestion) => {
  void answer(question).then((said) => process.send?.(said));
});
process.on('disconnect', () => process.exit());
process.send?.({ urls: server.urls } satisfies FromServer);
