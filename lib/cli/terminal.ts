/** Colours, by what they say. */
const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** How a text is shown. */
export type Tone = keyof typeof codes;

/** Gives a text a colour, or leaves it as it is. */
export type Paint = (tone: Tone, text: string) => string;

/** A stream that may be a terminal. */
interface MaybeTerminal {
  readonly isTTY?: boolean;
}

/**
 * What paints for this stream: `NO_COLOR` switches colours off, `FORCE_COLOR` on, and else they are
 * for terminals that can show them.
 */
export function paintFor(stream: MaybeTerminal, env: NodeJS.ProcessEnv): Paint {
  if (!isColoured(stream, env)) return (_, text) => text;
  return (tone, text) => `\u001b[${codes[tone]}m${text}\u001b[0m`;
}

function isColoured({ isTTY = false }: MaybeTerminal, env: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR: off = '', FORCE_COLOR: on = '', TERM: term } = env;
  if (off !== '') return false;
  return on === '' ? isTTY && term !== 'dumb' : on !== '0';
}

/**
 * A text of somebody else's as it may be shown: on one line, and without what a terminal would obey.
 */
export function harmless(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, ' ').replace(/[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd');
}
