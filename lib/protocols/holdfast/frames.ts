/**
 * The layout of frames, as PROTOCOL.md beside this file describes it. All numbers are big-endian.
 */

/**
 * The first bytes of each direction. Like PNG's signature it shows at once when something on the
 * way translates line ends or strips the eighth bit; the last byte is the version.
 */
export const preamble: Buffer = Buffer.from([0x89, 0x48, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0x01]);

/** The version in {@link preamble}. */
export const protocolVersion = 1;

/** Kinds of frames. */
export const FrameType = {
  hello: 0x01,
  fault: 0x02,
  call: 0x10,
  cancel: 0x11,
  acknowledge: 0x12,
  ask: 0x13,
  reply: 0x20,
  error: 0x21,
  refused: 0x22,
  unknown: 0x23,
  verdicts: 0x24,
  ping: 0x30,
  pong: 0x31,
  drain: 0x40,
  line: 0x41,
  item: 0x50,
  credit: 0x51,
  end: 0x52,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** How the value of a call or a reply travels. */
export const ValueForm = { none: 0, msgpack: 1, bytes: 2 } as const;
export type ValueForm = (typeof ValueForm)[keyof typeof ValueForm];

/** With this bit in a call's form another copy of it may have run. */
export const replayMark = 0x80;

/** Bytes of the length field; the length counts what follows it. */
export const lengthBytes = 4;

/** Bytes before a call's key: length, type, form, verb, number, attempt, key length, time left. */
export const callHeaderBytes = 20;

/** Bytes before a reply's value: length, type, form, number. */
export const replyHeaderBytes = 12;

/** With this bit in its form an ITEM is a part that others follow. */
export const moreMark = 0x80;

/** Bytes before the value in an ITEM: length, type, form, number, number of the item. */
export const itemHeaderBytes = 18;

/** Bytes of a CREDIT: length, type, three numbers. */
export const creditBytes = 23;

/** Most bytes of a value in one ITEM: what is longer goes in parts, and a small call in between. */
export const maxPartBytes: number = 64 * 1024;

/** What an item counts beside the bytes of its value. */
export const itemCost = 32;

/** Time left of a call that has more than fits, or no bound. */
export const maxRemainingMs = 0xffff_ffff;

/** Highest number of a call: 48 bits. */
export const maxCallNumber: number = 2 ** 48 - 1;

/** Largest frame that is taken before the handshake is over. */
export const maxHelloBytes: number = 256 * 1024;

/** Writes a 48-bit number. */
export function writeNumber(buffer: Buffer, offset: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  buffer[offset] = high >>> 8;
  buffer[offset + 1] = high;
  writeUint32(buffer, offset + 2, value >>> 0);
}

/** Reads a 48-bit number. */
export function readNumber(buffer: Buffer, offset: number): number {
  const high = ((buffer[offset] as number) << 8) | (buffer[offset + 1] as number);
  return high * 0x1_0000_0000 + readUint32(buffer, offset + 2);
}

/** Writes 32 bits; a plain loop is faster than Buffer's checked method. */
export function writeUint32(buffer: Buffer, offset: number, value: number): void {
  buffer[offset] = value >>> 24;
  buffer[offset + 1] = value >>> 16;
  buffer[offset + 2] = value >>> 8;
  buffer[offset + 3] = value;
}

/** Reads 32 bits without a sign. */
export function readUint32(buffer: Buffer, offset: number): number {
  return (
    (((buffer[offset] as number) << 24) |
      ((buffer[offset + 1] as number) << 16) |
      ((buffer[offset + 2] as number) << 8) |
      (buffer[offset + 3] as number)) >>>
    0
  );
}
