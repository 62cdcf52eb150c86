import { buffer } from 'node:stream/consumers';
import type { CallOptions } from '../../client/options.ts';
import { optionError } from '../../util/check.ts';
import { replaySettings } from '../../verbs/safety.ts';
import { type Command, command } from '../command.ts';
import { connectionOptions, urlOperand, withClient } from '../connection.ts';
import { interrupt } from '../interrupt.ts';
import { fromJson, toJson } from '../json.ts';
import { flag, oneOf, text } from '../options.ts';
import { print } from '../output.ts';

/** `holdfast call`. */
export const call: Command = command({
  about: [
    'The reply is JSON on stdout; bytes in it, and in INPUT, are {"$base64":"…"}. It is sent again only when that cannot do harm: what repeating the verb does, the server says.',
    'Ctrl-C gives the call up; the exit code still says what is known of it.',
  ],
  operands: [
    urlOperand,
    { name: 'VERB', help: "the verb's name" },
    {
      name: 'INPUT',
      help: 'its input as JSON; - is read from stdin; none: there is no input',
      isOptional: true,
    },
  ],
  options: {
    ...connectionOptions,
    replay: oneOf(replaySettings, 'the loosest class that is sent again after it may have run'),
    key: text('KEY', 'for a verb of the class once: calls with the same key count as one'),
    raw: flag('prints a reply that is bytes or a text as it is, and not as JSON'),
    bytes: flag('INPUT is sent as bytes, as it is, and not as JSON'),
  },
  examples: [
    ['call tcp://127.0.0.1:4155 list', 'a verb without input'],
    [`call unix:/run/notes.sock add '"tea"'`, 'a text is JSON too'],
    ['call unix:/run/notes.sock add - < note.json', 'its input from a file'],
    [
      `call tls://notes.example:4155 get '{"path":"a"}' --raw --credentials env:TOKEN`,
      'the bytes themselves, as a user who has a token',
    ],
  ],
  hasOutcome: true,
  run: async ([url = '', verb = '', given], options) => {
    const input = await inputOf(given, options.bytes);
    const { signal, done } = interrupt();
    const { replay, key } = options;
    const how: CallOptions = {
      signal,
      ...(replay === undefined ? {} : { replay }),
      ...(key === undefined ? {} : { key }),
    };
    try {
      const output = await withClient(url, options, (client) => client.invoke(verb, input, how));
      if (options.raw && output instanceof Uint8Array) process.stdout.write(output);
      else if (options.raw && typeof output === 'string') process.stdout.write(output);
      else print(toJson(output, process.stdout.isTTY && !options.json ? 2 : 0));
    } finally {
      done();
    }
    return 0;
  },
});

async function inputOf(given: string | undefined, isBytes: boolean): Promise<unknown> {
  if (given === undefined) {
    if (isBytes) throw optionError('--bytes needs INPUT');
    return undefined;
  }
  const bytes = given === '-' ? await buffer(process.stdin) : Buffer.from(given);
  return isBytes ? bytes : fromJson('INPUT', bytes.toString());
}
