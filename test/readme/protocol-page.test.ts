import { expect } from 'chai';
import { ReaderFolder } from './reader-folder.ts';
import { protocolPage, section, snippets } from './readme.ts';

describe('The page on protocols of one’s own', function () {
  this.timeout(30_000);

  it('has a protocol that does what the page says', async () => {
    const [, printed] = /```text\n(.*?)```/s.exec(section('An example', protocolPage)) ?? [];
    const folder = new ReaderFolder(snippets().filter(({ file }) => file === 'lines.ts'));
    try {
      expect(await folder.run('lines.ts')).to.deep.equal({ code: 0, output: printed, errors: '' });
    } finally {
      folder.remove();
    }
  });
});
