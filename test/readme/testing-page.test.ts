import { expect } from 'chai';
import { safeties } from '../../lib/index.ts';
import {
  checkVerbsDefaults,
  FaultMedium,
  faultMediumDefaults,
  VirtualClock,
} from '../../lib/testing/index.ts';
import { section, tableIn, testingPage } from './readme.ts';

/** A default as the page writes it. */
function written(name: string, value: unknown): string {
  if (name === 'clock') return "the system's";
  if (name.endsWith('Bytes')) return `${Number(value) / 2 ** 20} MiB`;
  if (name.endsWith('Ms')) return `${Number(value) / 1000} s`;
  return typeof value === 'object' ? `\`${JSON.stringify(value)}\`` : String(value);
}

describe('The page on tests', () => {
  for (const [heading, defaults] of [
    ['A medium that breaks', faultMediumDefaults],
    ['Are the verbs what they are marked?', checkVerbsDefaults],
  ] as const) {
    it(`names the options and their defaults: ${heading}`, () => {
      const rows = tableIn(section(heading, testingPage), 'option');
      const named = Object.entries(defaults).map(([name, value]) => [
        `\`${name}\``,
        written(name, value),
      ]);
      expect(rows.map(([name, value]) => [name, value])).to.deep.equal(named);
    });
  }

  it('names methods that are there', () => {
    const [, ...clockMethods] = testingPage.split('| method |');
    const names = [...(clockMethods[0] ?? '').matchAll(/^\| `(?:await )?(\w+)\(/gm)];
    expect(names).to.have.length(5);
    for (const [, name = ''] of names) expect(VirtualClock.prototype).to.respondTo(name);
    expect(FaultMedium.prototype).to.respondTo('next').and.to.respondTo('destroy');
  });

  it('says of each class what must hold', () => {
    const rows = tableIn(section('Are the verbs what they are marked?', testingPage), 'class');
    const classes = rows.flatMap(([name = '']) => name.replaceAll('`', '').split(', '));
    expect(classes).to.deep.equal([...safeties]);
  });
});
