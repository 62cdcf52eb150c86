/** A server that serves on its stdin and stdout; argument: the folder of the run. */
import { serve } from 'holdfast';
import { handlersOf } from './handlers.ts';
import { verbs } from './verbs.ts';

const [folder = ''] = process.argv.slice(2);
await serve(verbs, handlersOf(folder), { listen: 'stdio:' });
