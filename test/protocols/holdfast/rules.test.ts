import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

const specification = new URL('../../../lib/protocols/holdfast/PROTOCOL.md', import.meta.url);
const tests = new URL('../../', import.meta.url);

/** The numbers of the rules in section 12. */
function rules(): string[] {
  const [, section = ''] = readFileSync(specification, 'utf8').split('## 12. Must never');
  const [text = ''] = section.split('## 13.');
  return [...text.matchAll(/^- \*\*([CSB]\d+)\*\* must never /gm)].map(
    ([, rule]) => rule as string,
  );
}

/** The rules that names of tests quote. */
function quoted(): Set<string> {
  const found = new Set<string>();
  for (const entry of readdirSync(tests, { recursive: true })) {
    if (!String(entry).endsWith('.test.ts')) continue;
    const source = readFileSync(new URL(String(entry), tests), 'utf8');
    for (const [, list = ''] of source.matchAll(/\bit\(\s*["'`]((?:[CSB]\d+(?:, )?)+): /g)) {
      for (const rule of list.split(', ')) found.add(rule);
    }
  }
  return found;
}

describe('PROTOCOL.md', () => {
  it('numbers its rules without gaps', () => {
    const found = rules();
    for (const side of ['C', 'S', 'B']) {
      const numbers = found.filter((rule) => rule.startsWith(side));
      expect(numbers.length).to.be.above(0);
      expect(numbers).to.deep.equal(numbers.map((_, index) => `${side}${index + 1}`));
    }
  });

  it('has a test for each rule that quotes its number', () => {
    const covered = quoted();
    expect(rules().filter((rule) => !covered.has(rule))).to.deep.equal([]);
    expect([...covered].filter((rule) => !rules().includes(rule))).to.deep.equal([]);
  });
});
