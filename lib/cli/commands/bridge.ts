import { bridge } from '../bridge.ts';
import { type Command, command } from '../command.ts';

/** `holdfast bridge`. */
export const bridgeCommand: Command = command({
  about: [
    'For a server that outlives the SSH connection by which it is reached: ssh HOST holdfast bridge unix:/run/app.sock. Nothing but the bytes of the server goes to stdout. It ends when the server ends the connection, and when stdin and the server have both ended.',
  ],
  operands: [{ name: 'URL', help: 'a local server: tcp://HOST:PORT or unix:/PATH' }],
  options: {},
  examples: [['bridge unix:/run/app.sock', 'to be run by ssh']],
  hasOutcome: false,
  run: async ([url = '']) => {
    await bridge(url, { input: process.stdin, output: process.stdout });
    return 0;
  },
});
