import { fileURLToPath } from 'node:url';
import { openssh } from '../../lib/media/openssh.ts';
import { describePiped } from './piped-contract.ts';

const fake = fileURLToPath(new URL('../support/fake-ssh.mjs', import.meta.url));

// A program that stands for ssh: it has no say in dialling, but in all the rest.
describePiped('openssh', {
  mediumTo: (path) =>
    openssh({ host: 'good', command: `join ${path}`, program: process.execPath, args: [fake] }),
});
