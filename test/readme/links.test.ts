import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import { root } from './readme.ts';

/** The documents of the package, wherever they are. */
const pages = ['README.md', 'CHANGELOG.md', ...pagesIn('lib')];

function pagesIn(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
}

function textOf(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The links of a text to files of this project; code is no text. */
function linksIn(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

/** What a heading is called in a link. */
function anchorOf(heading: string): string {
  const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '');
  return words.trim().replaceAll(' ', '-');
}

function anchorsIn(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '');
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

describe('The documents', () => {
  for (const page of pages) {
    it(`link only to what is there: ${page}`, () => {
      for (const link of linksIn(textOf(page))) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : relative(root, join(root, dirname(page), path));
        expect(existsSync(join(root, target)), link).to.equal(true);
        if (anchor !== undefined) expect(anchorsIn(textOf(target)), link).to.include(anchor);
      }
    });
  }

  it('are all found from README', () => {
    const found = new Set(['README.md', 'CHANGELOG.md']);
    for (const page of found) {
      for (const link of linksIn(textOf(page))) {
        const [path = ''] = link.split('#');
        if (path.endsWith('.md')) found.add(join(dirname(page), path));
      }
    }
    expect(pages.filter((page) => !found.has(page))).to.deep.equal([]);
  });

  it('travel with the package', () => {
    const { files } = JSON.parse(textOf('package.json')) as { files: string[] };
    const isTold = (page: string): boolean =>
      page === 'README.md' || files.includes(page) || files.includes(page.split('/')[0] as string);
    expect(pages.filter((page) => !isTold(page))).to.deep.equal([]);
    expect(files.filter((file) => file.startsWith('!') && file.endsWith('.md'))).to.deep.equal([]);
  });
});
