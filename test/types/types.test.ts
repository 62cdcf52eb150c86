import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const tsc = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);
const project = fileURLToPath(new URL('./tsconfig.json', import.meta.url));

describe('The public types', () => {
  it('take what is right, and nothing that is wrong', async function () {
    this.timeout(60_000);
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [tsc, '-p', project], (_error, stdout) => resolve(stdout));
    });
    expect(output).to.equal('');
  });
});
