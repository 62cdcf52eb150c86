/** The floor as a program that serves on its stdin and stdout. */
import { handlers } from './handlers.ts';
import { FloorConnection } from './server.ts';

new FloorConnection(process.stdin, process.stdout, handlers);
