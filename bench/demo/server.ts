/**
 * The demo's file store, in a process of its own. Argument: the folder to keep it in.
 *
 * It tells where it listens, over IPC when it was forked and on standard output otherwise. SIGTERM
 * drains it: what was accepted is finished and answered, then the process ends.
 */
import { serve } from 'holdfast';
import { storeHandlers } from './store.ts';
import { fileStore } from './verbs.ts';

/** What the server process tells. */
export type ServerNews = { readonly url: string } | { readonly cut: number };

const [root] = process.argv.slice(2);
if (root === undefined) throw new Error('Usage: node .bench/demo/server.js FOLDER');

function tell(news: ServerNews): void {
  if (process.send === undefined) console.log(JSON.stringify(news));
  else process.send(news);
}

const ending = new AbortController();
const handlers = storeHandlers(root, ending.signal);
const server = await serve(fileStore, handlers, { listen: 'tcp://127.0.0.1:0' });
server.on('handlerError', ({ verb, error }) => {
  if ((error as { code?: unknown }).code !== 'LOCKED') console.error(`${verb} failed:`, error);
});

async function drain(): Promise<void> {
  ending.abort();
  const { cut } = await server.drain();
  tell({ cut: cut.length });
  if (process.connected) process.disconnect();
}

process.once('SIGTERM', () => void drain());
// The demo is gone without a word: nobody is left to serve.
process.once('disconnect', () => void server.close());

tell({ url: server.urls[0] as string });
