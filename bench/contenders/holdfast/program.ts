/** A holdfast server as a program that serves on its stdin and stdout. */
import { serve } from 'holdfast';
import { handlers, verbs } from './verbs.ts';

await serve(verbs, handlers, { listen: 'stdio:' });
