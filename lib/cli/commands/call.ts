import { buffer } from 'node:stream/consumers';
import type { CallOptions } from '../../client/options.ts';
import { isHoldfastError } from '../../errors.ts';
import { optionError } from '../../util/check.ts';
import { replaySettings } from '../../verbs/safety.ts';
import { type Command, command } from '../command.ts';
import { connectionOptions, urlOperand, withClient } from '../connection.ts';
import { interrupt } from '../interrupt.ts';
import { fromJson, inShell, toJson } from '../json.ts';
import { flag, oneOf, text } from '../options.ts';
import { printStreamed, streamKindOf } from '../streamed.ts';

/** `holdfast call`. */
export const call: Command = command({
  about: [
    'The reply is JSON on stdout; bytes in it, and in INPUT, are {"$base64":"…"}. It is sent again only when that cannot do harm: what repeating the verb does, the server says.',
    'Of a verb with streams the items are printed as they come, a line of JSON each. Items for the server are read from stdin, a line of JSON each, or bytes with --chunks.',
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
    chunks: flag('items that are read from stdin are bytes, as they come, and not lines of JSON'),
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
      await withClient(url, options, async (client) => {
        try {
          const output = await client.invoke(verb, input, how);
          const indent = process.stdout.isTTY && !options.json ? 2 : 0;
          process.stdout.write(shown(output, options.raw, indent));
        } catch (error) {
          // Of the server's verbs this one may have streams.
          if (!isHoldfastError(error) || error.code !== 'ERR_HOLDFAST_UNKNOWN_VERB') throw error;
          const kind = await streamKindOf(client, verb);
          if (kind === undefined) throw error;
          const { key: _, ...streamed } = how;
          const show = (value: unknown): string | Uint8Array => shown(value, options.raw, 0);
          const areBytes = options.chunks;
          await printStreamed(client, kind, { verb, input, options: streamed, areBytes, show });
        }
      });
    } finally {
      done();
    }
    return 0;
  },
});

function shown(value: unknown, isRaw: boolean, indent: number): string | Uint8Array {
  if (isRaw && (value instanceof Uint8Array || typeof value === 'string')) return value;
  return `${toJson(value, indent)}\n`;
}

async function inputOf(given: string | undefined, isBytes: boolean): Promise<unknown> {
  if (given === undefined) {
    if (isBytes) throw optionError('--bytes needs INPUT');
    return undefined;
  }
  const bytes = given === '-' ? await buffer(process.stdin) : Buffer.from(given);
  return isBytes ? bytes : fromJson('INPUT', bytes.toString(), inShell);
}
