import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { fitted, LiveScreen } from '../../lib/cli/live.ts';

/** As much of a terminal as a live screen uses. */
class Terminal extends EventEmitter {
  columns = 20;
  rows = 5;
  isTTY = true;
  isRaw = false;
  isRead = false;
  written = '';

  write(text: string): void {
    this.written += text;
  }

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }

  resume(): void {
    this.isRead = true;
  }

  pause(): void {
    this.isRead = false;
  }
}

describe('A live screen', () => {
  it('shows as much of a text as fits, and says how much does not', () => {
    const text = 'one\n\u001b[31mtwo\u001b[0m, and more\nthree\nfour\nfive';
    expect(fitted(text, { columns: 99, rows: 6 })).to.equal(text);
    expect(fitted(text, { columns: 99, rows: 4 }).split('\n').slice(1)).to.deep.equal([
      '\u001b[31mtwo\u001b[0m, and more',
      '… and 3 lines more',
    ]);
    expect(fitted(text, { columns: 2, rows: 9 }).split('\n').slice(0, 3)).to.deep.equal([
      'on\u001b[0m',
      '\u001b[31mtw\u001b[0m',
      'th\u001b[0m',
    ]);
    expect(fitted('😀😀😀', { columns: 2, rows: 1 })).to.equal('😀😀\u001b[0m');
  });

  for (const key of ['q', 'Q', '\u0003', 'xq']) {
    it(`is left at ${JSON.stringify(key)}, with the terminal as it was`, () => {
      const terminal = new Terminal();
      let quits = 0;
      const screen = new LiveScreen(terminal, terminal, () => quits++);
      screen.show('a table');
      expect([terminal.isRaw, terminal.isRead]).to.deep.equal([true, true]);
      terminal.emit('data', Buffer.from('x'));
      expect(quits).to.equal(0);
      terminal.emit('data', Buffer.from(key));
      expect(quits).to.equal(1);
      terminal.written = '';
      screen.close();
      screen.close();
      expect(terminal.written).to.equal('\u001b[?25h\u001b[?1049la table\n');
      expect([terminal.isRaw, terminal.isRead]).to.deep.equal([false, false]);
      expect(terminal.listenerCount('data') + terminal.listenerCount('resize')).to.equal(0);
    });
  }

  it('leaves stdin alone when that is no terminal', () => {
    const [output, input] = [new Terminal(), new Terminal()];
    input.isTTY = false;
    const screen = new LiveScreen(output, input, () => {});
    expect([input.isRaw, input.isRead]).to.deep.equal([false, false]);
    screen.close();
    expect(output.written).to.match(/1049h.*1049l$/);
  });
});
