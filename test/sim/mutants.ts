import type { RunKind } from './generate.ts';

/** One place in the sources that is changed. */
export interface Edit {
  readonly file: string;
  /** Is there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A defect that is put into the code on purpose: the simulator must find it. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** In runs of this kind it comes to light sooner. */
  readonly kind?: RunKind;
}

function mutant(
  name: string,
  file: string,
  ...edits: readonly (readonly [string, string])[]
): Mutant {
  return { name, edits: edits.map(([find, replace]) => ({ file, find, replace })) };
}

function within(kind: RunKind, defect: Mutant): Mutant {
  return { ...defect, kind };
}

/** What could be wrong. */
export const mutants: readonly Mutant[] = [
  mutant(
    'a failed write proves that none of its messages was taken',
    'lib/media/ledger.ts',
    ['  #failed = false;', '  #failed = false;\n  #before = 0;'],
    [
      '    this.#submitted += byteLength;',
      '    this.#before = this.#submitted;\n    this.#submitted += byteLength;',
    ],
    ['if (this.#failed && end === this.#submitted)', 'if (this.#failed && end > this.#before)'],
  ),
  mutant('a new link does not fence the older one', 'lib/server/session.ts', [
    '    older?.destroy();',
    '    void older;',
  ]),
  mutant('clients do not acknowledge', 'lib/client/watermark.ts', [
    '    if (number === this.#told && settled.length === 0) return undefined;',
    '    if (number >= this.#told || settled.length > 0) return undefined;',
  ]),
  mutant(
    'the verdict "never" of a server is believed that never had the call',
    'lib/client/attempts.ts',
    [
      "const isBlind = verdict === 'never' && !link.speaksFor(lostLink.server);",
      'const isBlind = false;',
    ],
  ),
  mutant('a reply that nobody waits for goes to the call beside', 'lib/client/call-table.ts', [
    'return call !== undefined && call.number === number ? call : undefined;',
    'return call ?? this.#slots[(number + 1) & this.#mask];',
  ]),
  mutant('a "mutate" call that may have run is sent again', 'lib/client/replay.ts', [
    `return 'a "mutate" verb must not be repeated';`,
    'return undefined;',
  ]),
  mutant(
    'the record of a "once" call is not looked at',
    'lib/server/recorded-work.ts',
    ['if (!isThenable(given)) return given;', "if (!isThenable(given)) return { state: 'new' };"],
    ['        return begun;\n', "        return { state: 'new' };\n"],
  ),
  mutant('the deadline of a call that waits is not kept', 'lib/client/calls.ts', [
    '  onDeadline(call: Call): void {\n',
    '  onDeadline(call: Call): void {\n    if (call.isQueued) return;\n',
  ]),
  mutant('reconnects are not spread by chance', 'lib/retry/backoff.ts', [
    '  return random() * Math.min(bounds.capMs',
    '  void random;\n  return Math.min(bounds.capMs',
  ]),
  mutant('the retry budget is never empty', 'lib/retry/budget.ts', [
    '    if (this.#inReserve < almostOne) return false;',
    '    if (this.#inReserve < almostOne) return true;',
  ]),
  mutant('calls behind the last accepted line are run', 'lib/server/dispatch.ts', [
    "    if (link.isLined) return busy('ERR_HOLDFAST_DRAINING', 'the server is draining');\n",
    '',
  ]),
  {
    name: 'a message that was cut off is acted on',
    edits: [
      {
        file: 'lib/protocols/holdfast/frame-decoder.ts',
        find: '  stop(): void {\n',
        replace: `  stop(): void {
    const cut = this.#partial;
    const isCall = cut !== undefined && cut[lengthBytes] === 0x10 && this.#held > 40;
    if (isCall && !this.#stopped) {
      const whole = Buffer.alloc(this.#wanted);
      cut.copy(whole, 0, 0, this.#held);
      this.#stopped = true;
      this.#sink.onFrame(0x10, whole, headerBytes, this.#wanted, true);
    }
`,
      },
      {
        file: 'lib/server/server-link.ts',
        find: '  onClosed(): void {\n',
        replace: '  onClosed(): void {\n    if (!this.#isGone) this.#wire.stop();\n',
      },
    ],
  },
  within(
    'hand-overs with cuts',
    mutant('a server that gives a session away reads on', 'lib/server/session.ts', [
      '    link?.destroy();',
      '    void link;',
    ]),
  ),
  // What the simulator has found, put back.
  within(
    'restarts',
    mutant(
      'a session that is made anew knows nothing of the one before',
      'lib/server/sessions.ts',
      ['    session.records.forgetUpTo(this.#forgotten.get(id) ?? 0);\n', ''],
    ),
  ),
  within(
    'hand-overs with cuts',
    mutant('a call that is answered counts as running for a moment', 'lib/server/session.ts', [
      'if (this.running.size > 0) this.running.delete(number);',
      '',
    ]),
  ),
  mutant('a "once" call is made again under another number', 'lib/client/attempts.ts', [
    "const isLasting = call.row.safety === 'once';",
    'const isLasting = false;',
  ]),
  mutant('items that are thrown away look as if they were all', 'lib/streams/item-queue.ts', [
    '    this.clear();\n    this.#close({ error });',
    '    this.clear();\n    this.end({ error });',
  ]),
];
