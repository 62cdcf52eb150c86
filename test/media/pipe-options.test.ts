import { inspect } from 'node:util';
import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { mediumFromUrl, type PipeOptions, pipe } from '../../lib/media/pipe.ts';
import { listenerOf, mediumOf } from '../../lib/media/url.ts';
import { expectFailure } from '../support/failing.ts';
import { Recorder } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

const wrongOptions: readonly (readonly [options: unknown, text: RegExp])[] = [
  [{}, /Option "command" must be a string, got undefined/],
  [{ command: '' }, /Option "command" must not be empty/],
  [{ command: ['node'] }, /Option "command" must be a string, got an array/],
  [{ command: 'a\0b' }, /Option "command" must not have a NUL/],
  [{ comand: 'node' }, /Unknown pipe option "comand"; did you mean "command"\?/],
  [{ command: 'node', arguments: [] }, /Unknown pipe option "arguments"/],
  [{ command: 'node', shell: true }, /Unknown pipe option "shell"/],
  [
    { command: 'node', args: '--stdio' },
    /Option "args" must be an array of strings, got "--stdio"/,
  ],
  [{ command: 'node', args: ['a', 7] }, /Option "args\[1\]" must be a string, got 7/],
  [{ command: 'node', args: ['a\0'] }, /Option "args\[0\]" must not have a NUL/],
  [{ command: 'node', cwd: '' }, /Option "cwd" must not be empty/],
  [{ command: 'node', env: 'A=1' }, /Option "env" must be/],
  [{ command: 'node', env: { A: 1 } }, /Option "env\.A" must be a string$/],
  [{ command: 'node', env: { A: 'horse\0' } }, /Option "env\.A" must not have a NUL$/],
  [{ command: 'node', onStderr: true }, /Option "onStderr" must be a function/],
  [{ command: 'node', termAfterMs: -1 }, /Option "termAfterMs" must be/],
  [{ command: 'node', killAfterMs: 0 }, /Option "killAfterMs" must be/],
  [null, /pipe option must be an object, got null/],
];

const goodUrls: readonly (readonly [url: string, address: string])[] = [
  ['pipe:?command=node', 'pipe:?command=node'],
  ['pipe:?command=/usr/bin/my-server&arg=--stdio', 'pipe:?command=/usr/bin/my-server&arg=--stdio'],
  ['pipe:?command=C%3A%5Cx.exe', 'pipe:?command=C:%5Cx.exe'],
  ['pipe:?arg=a&command=x&arg=&arg=b', 'pipe:?command=x&arg=a&arg=&arg=b'],
  ['pipe:?command=my%20server&arg=a+b&arg=1%2B1', 'pipe:?command=my%20server&arg=a%20b&arg=1%2B1'],
  ['pipe:?command=x&cwd=/srv', 'pipe:?command=x'],
];

const badUrls: readonly (readonly [url: string, text: RegExp])[] = [
  ['pipe:', /it must look like pipe:\?command=my-server&arg=--stdio/],
  ['pipe:node', /it must look like pipe:\?command/],
  ['pipe://node', /it must look like pipe:\?command/],
  ['pipe:?', /the command is missing/],
  ['pipe:?arg=x', /the command is missing/],
  ['pipe:?command=', /parameter "command" is empty/],
  ['pipe:?command=a&command=b', /parameter "command" is there twice/],
  ['pipe:?command=a&cwd=b&cwd=c', /parameter "cwd" is there twice/],
  ['pipe:?command=a&args=b', /unknown parameter "args"; did you mean "arg"\?/],
  ['pipe:?command=a#b', /it has a "#"; write it as %23/],
];

describe('The options of the pipe medium', () => {
  for (const [options, text] of wrongOptions) {
    it(`refuse ${inspect(options)}`, async () => {
      const error = await expectFailure(
        () => pipe(options as PipeOptions),
        'ERR_HOLDFAST_OPTION',
        text,
      );
      expect(error.final).to.equal(true);
      expect(inspect(error)).not.to.include('horse');
    });
  }
});

describe('URLs of the pipe medium', () => {
  for (const [url, address] of goodUrls) {
    it(`take ${url}`, () => {
      expect(mediumFromUrl(url).address).to.equal(address);
    });
  }

  for (const [url, text] of badUrls) {
    it(`refuse ${url}`, async () => {
      const error = await expectFailure(() => mediumFromUrl(url), 'ERR_HOLDFAST_URL', text);
      expect(error.final).to.equal(true);
    });
  }

  it('give the program what they say', async () => {
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const args = ['-e', script, 'a b', '1+1', '&x=y', ''];
    const { address } = pipe({ command: process.execPath, args });
    for (const medium of [mediumOf(address), mediumFromUrl(address)]) {
      const near = new Recorder(await medium.dial(new AbortController().signal));
      await near.closed;
      expect(JSON.parse(near.bytes.toString())).to.deep.equal(args.slice(2));
    }
  });

  it('fail a call for good when they are wrong', async () => {
    const client = connect('pipe:?comand=x', verbs);
    const error = await expectFailure(client.call.read('x'), 'ERR_HOLDFAST_URL', '"comand"');
    expect(error.final).to.equal(true);
    await client.close();
  });

  it('cannot be listened on', async () => {
    const listening = listenerOf('pipe:?command=x').listen(() => {});
    await expectFailure(listening, 'ERR_HOLDFAST_URL', 'cannot be listened on');
  });
});
