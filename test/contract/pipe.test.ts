import { fileURLToPath } from 'node:url';
import { pipe } from '../../lib/media/pipe.ts';
import { describePiped } from './piped-contract.ts';

const program = fileURLToPath(new URL('../support/join-socket.mjs', import.meta.url));

describePiped('pipe', {
  mediumTo: (path) => pipe({ command: process.execPath, args: [program, path] }),
});

describePiped('stdio, behind a pipe', {
  source: './stdio-join-main.ts',
  mediumTo: (path, joiner) => pipe({ command: process.execPath, args: [joiner, path] }),
});

describePiped('bridge, behind a pipe', {
  source: '../../lib/cli/main.ts',
  mediumTo: (path, holdfast) =>
    pipe({ command: process.execPath, args: [holdfast, 'bridge', `unix:${path}`] }),
});
