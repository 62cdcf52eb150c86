import { expect } from 'chai';
import { Turns } from '../../lib/server/turns.ts';
import { seededRandom } from '../../lib/testing/index.ts';

interface Item {
  readonly party: object;
  readonly name: string;
}

describe('Turns', () => {
  const parties = { a: { name: 'a' }, b: { name: 'b' }, c: { name: 'c' } };

  function queue(...names: readonly string[]): { turns: Turns<Item>; items: Map<string, Item> } {
    const turns = new Turns<Item>();
    const items = new Map<string, Item>();
    for (const name of names) {
      const item = { party: parties[name[0] as 'a'], name };
      items.set(name, item);
      turns.add(item);
    }
    return { turns, items };
  }

  function drained(turns: Turns<Item>): string {
    let order = '';
    for (let item = turns.take(); item !== undefined; item = turns.take()) order += ` ${item.name}`;
    return order.slice(1);
  }

  it('are taken by one party after the other, each in its own order', () => {
    const { turns } = queue('a1', 'a2', 'a3', 'b1', 'c1', 'c2', 'a4');
    expect(turns.size).to.equal(7);
    expect(drained(turns)).to.equal('a1 b1 c1 a2 c2 a3 a4');
    expect(turns.size).to.equal(0);
  });

  it('are lost by what is taken out', () => {
    const { turns, items } = queue('a1', 'a2', 'b1', 'b2');
    for (const name of ['a1', 'b2', 'b2']) turns.delete(items.get(name) as Item);
    expect(turns.size).to.equal(2);
    expect(drained(turns)).to.equal('a2 b1');
  });

  it('do not come later than is said', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 200; round++) {
      const names = Array.from({ length: Math.floor(random() * 12) }, (_, index) => {
        return `${'abc'[Math.floor(random() * 3)]}${index}`;
      });
      const { turns } = queue(...names);
      for (let taken = Math.floor(random() * 4); taken > 0; taken--) turns.take();
      const said = turns.ahead(parties.a);
      expect(said).to.be.at.most(turns.size);
      turns.add({ party: parties.a, name: 'new' });
      expect(drained(turns).split(' ').indexOf('new')).to.be.at.most(said);
    }
  });

  it('are shared out evenly when there are only so many', () => {
    const { turns } = queue('a1', 'a2', 'a3', 'b1');
    expect(turns.hasShare(parties.a, 4)).to.equal(false);
    expect(turns.hasShare(parties.b, 4)).to.equal(true);
    expect(turns.hasShare(parties.c, 4)).to.equal(true);
    expect(turns.hasShare(parties.c, 2)).to.equal(false);
    expect(turns.newestOfLongest()?.name).to.equal('a3');
    expect(turns.all()).to.have.length(4);
  });
});
