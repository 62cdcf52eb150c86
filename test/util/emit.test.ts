import { expect } from 'chai';
import { EventEmitter } from 'eventemitter3';
import { emitSafely } from '../../lib/util/emit.ts';
import { expectUncaught } from '../support/uncaught.ts';

interface Events {
  said: (word: string) => void;
}

describe('emitSafely', () => {
  it('tells every listener', () => {
    const emitter = new EventEmitter<Events>();
    const heard: string[] = [];
    emitter.on('said', (word) => heard.push(`one ${word}`));
    emitter.on('said', (word) => heard.push(`two ${word}`));
    emitSafely(emitter, 'said', 'hello');
    expect(heard).to.deep.equal(['one hello', 'two hello']);
  });

  it('goes on when a listener throws, and its error surfaces', async () => {
    const emitter = new EventEmitter<Events>();
    await expectUncaught(() => {
      const failure = new Error('thrown by a listener');
      emitter.on('said', () => {
        throw failure;
      });
      emitSafely(emitter, 'said', 'hello');
      return failure;
    });
  });
});
