import { expect } from 'chai';
import { HoldfastError } from '../../../lib/index.ts';
import { type BzrArgument, decodeValue, encodeList } from '../../../lib/protocols/bzr/bencode.ts';

const text = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? value.toString() : Array.isArray(value) ? value.map(text) : value;

describe('Bencode', () => {
  const vectors: readonly (readonly [items: readonly BzrArgument[], bytes: string])[] = [
    [[], 'le'],
    [['hello'], 'l5:helloe'],
    [['a', '', 'ü'], 'l1:a0:2:üe'],
    [[0, -1, 42, 2 ** 53 - 1], 'li0ei-1ei42ei9007199254740991ee'],
    [['x', [1, ['y', []]]], 'l1:xli1el1:yleeee'],
  ];

  for (const [items, bytes] of vectors) {
    it(`writes and reads ${bytes}`, () => {
      expect(encodeList(items).toString()).to.equal(bytes);
      expect(text(decodeValue(Buffer.from(bytes)))).to.deep.equal(items);
    });
  }

  it('sends bytes as they are', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x65]);
    expect(encodeList([new Uint8Array(bytes)])).to.deep.equal(
      Buffer.concat([Buffer.from('l3:'), bytes, Buffer.from('e')]),
    );
    expect(decodeValue(encodeList([bytes]))).to.deep.equal([bytes]);
  });

  it('reads dictionaries', () => {
    const value = decodeValue(Buffer.from('d1:ai1e16:Software version5:3.3.2e'));
    expect(value).to.deep.equal(
      new Map<string, unknown>([
        ['a', 1],
        ['Software version', Buffer.from('3.3.2')],
      ]),
    );
  });

  const wrong = [
    '',
    'l',
    'l5:helle',
    'l5:hello',
    'le5',
    'lex',
    'i1',
    'ie',
    'i-0e',
    'i01e',
    'i1.5e',
    'i9007199254740992e',
    '-1:a',
    '01:a',
    '99999999999:a',
    'd1:ae',
    'di1ei2ee',
    'q',
    `${'l'.repeat(17)}${'e'.repeat(17)}`,
    `l${'le'.repeat(100_000)}e`,
    `l${'0:'.repeat(1_000_001)}e`,
  ];
  for (const bytes of wrong) {
    it(`refuses ${bytes.length > 40 ? `${bytes.slice(0, 40)}…` : `"${bytes}"`}`, () => {
      expect(() => decodeValue(Buffer.from(bytes)))
        .to.throw(HoldfastError)
        .with.property('code', 'ERR_HOLDFAST_PROTOCOL');
    });
  }

  it('refuses what it has no form for', () => {
    let deep: BzrArgument = 'x';
    for (let depth = 0; depth < 17; depth++) deep = [deep];
    for (const item of [1.5, 2 ** 53, undefined, null, {}, true, deep]) {
      expect(() => encodeList([item as BzrArgument]))
        .to.throw(HoldfastError, 'Argument cannot be encoded')
        .with.property('code', 'ERR_HOLDFAST_ENCODE');
    }
  });
});
