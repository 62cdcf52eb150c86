import { expect } from 'chai';
import { durationMs, durationText } from '../../lib/cli/durations.ts';
import { fromJson, toJson } from '../../lib/cli/json.ts';
import { frame } from '../../lib/cli/live.ts';
import { table } from '../../lib/cli/table.ts';
import { harmless, paintFor } from '../../lib/cli/terminal.ts';
import { expectFailure } from '../support/failing.ts';

const introducer = '\u001b';
const tokens = new RegExp(`${introducer}\\[2?[A-Z]|\\n|[^${introducer}\\n]+`, 'g');

/** As much of a terminal as `frame` needs. */
class Screen {
  #rows: string[] = ['what was there'];
  #row = 0;
  #column = 0;

  get lines(): readonly string[] {
    return this.#rows.filter((row) => row !== '');
  }

  write(text: string): void {
    for (const [token] of text.matchAll(tokens)) this.#obey(token);
  }

  #obey(token: string): void {
    const row = this.#rows[this.#row] ?? '';
    if (token === '\u001b[2J') this.#rows = [];
    else if (token === '\u001b[H') [this.#row, this.#column] = [0, 0];
    else if (token === '\u001b[K') this.#rows[this.#row] = row.slice(0, this.#column);
    else if (token === '\u001b[J') this.#rows.length = this.#row;
    else if (token === '\n') [this.#row, this.#column] = [this.#row + 1, 0];
    else {
      const rest = row.slice(this.#column + token.length);
      this.#rows[this.#row] = `${row.slice(0, this.#column)}${token}${rest}`;
      this.#column += token.length;
    }
  }
}

const plain = paintFor({}, {});

describe('What the command reads and prints', () => {
  it('has bytes, big integers and what is no number in its JSON', () => {
    const value = { a: Buffer.from('hi'), b: new Uint8Array([255]), n: 2n ** 60n, x: Number.NaN };
    expect(toJson(value)).to.equal(
      '{"a":{"$base64":"aGk="},"b":{"$base64":"/w=="},"n":"1152921504606846976","x":"NaN"}',
    );
    expect(toJson(undefined)).to.equal('null');
    expect(toJson(new Date(0))).to.equal('"1970-01-01T00:00:00.000Z"');
  });

  it('reads bytes from JSON, and takes other objects as they are', async () => {
    expect(fromJson('It', '[{"$base64":"aGk="}]')).to.deep.equal([Buffer.from('hi')]);
    const other = { $base64: 'aGk=', more: 1 };
    expect(fromJson('It', JSON.stringify(other))).to.deep.equal(other);
    for (const wrong of ['{"$base64":5}', '{"$base64":"a"}', '{"$base64":"ab=c"}']) {
      await expectFailure(() => fromJson('It', wrong), 'ERR_HOLDFAST_OPTION', 'base64');
    }
  });

  it('takes a time with its unit, and none without', () => {
    const times = ['5ms', '1.5s', '2m', '1h'].map((text) => durationMs(text, 2 ** 31 - 1));
    expect(times).to.deep.equal([5, 1_500, 120_000, 3_600_000]);
    for (const wrong of ['5', '', 's', '-1s', '0ms', '1e3s', '25d', '700h', ' 1s', 'NaNms']) {
      expect(() => durationMs(wrong, 2 ** 31 - 1), wrong).to.throw('500ms, 5s or 2m');
    }
  });

  it('writes a time with three digits', () => {
    const texts = [0.0314, 4.2, 42.42, 420, 4_200, 90_000].map(durationText);
    expect(texts).to.deep.equal(['0.03 ms', '4.20 ms', '42.4 ms', '420 ms', '4.20 s', '1.50 min']);
  });

  it('lines columns up, whatever their colour', () => {
    const columns = [{ title: 'VERB' }, { title: 'N', isNumber: true }, { title: 'WHY' }];
    const rows = [
      ['get', { text: '1', tone: 'red' as const }, 'x'],
      ['remove', '1234', ''],
    ];
    const lines = ['VERB       N  WHY', 'get        1  x', 'remove  1234'];
    expect(table(columns, rows, plain)).to.equal(lines.join('\n'));
    const coloured = table(columns, rows, paintFor({ isTTY: true }, {}));
    expect(coloured).to.include('\u001b[31m   1\u001b[0m');
  });

  it('paints for terminals only, and obeys NO_COLOR, FORCE_COLOR and a dumb terminal', () => {
    const isPainted = (isTTY: boolean, env: NodeJS.ProcessEnv): boolean =>
      paintFor({ isTTY }, env)('red', 'x') !== 'x';
    expect(isPainted(true, { TERM: 'xterm' })).to.equal(true);
    expect(isPainted(false, { TERM: 'xterm' })).to.equal(false);
    expect(isPainted(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).to.equal(false);
    expect(isPainted(true, { NO_COLOR: '' })).to.equal(true);
    expect(isPainted(true, { TERM: 'dumb' })).to.equal(false);
    expect(isPainted(false, { FORCE_COLOR: '1' })).to.equal(true);
    expect(isPainted(true, { FORCE_COLOR: '0' })).to.equal(false);
  });

  it('shows a text in place of the one before, of which nothing is left', () => {
    const screen = new Screen();
    screen.write(frame('first line\nsecond\nthird', true));
    expect(screen.lines).to.deep.equal(['first line', 'second', 'third']);
    screen.write(frame('1st\n2nd', false));
    expect(screen.lines).to.deep.equal(['1st', '2nd']);
  });

  it('takes the sting out of texts that come from elsewhere', () => {
    expect(harmless('a\r\n b\u001b]0;x\u0007\u009b1m\u202ec')).to.equal(
      'a b\ufffd]0;x\ufffd\ufffd1m\ufffdc',
    );
    expect(harmless('Grüße, 世界')).to.equal('Grüße, 世界');
  });
});
