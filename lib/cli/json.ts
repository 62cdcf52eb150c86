import { messageOf } from '../errors.ts';
import { optionError } from '../util/check.ts';

/** How bytes stand in JSON, in both directions. */
const bytesKey = '$base64';

/**
 * A value as JSON. Bytes become `{"$base64":"…"}`; no value is `null`; numbers that JSON does not
 * have, and those of more than 53 bits, become texts.
 */
export function toJson(value: unknown, indent = 0): string {
  const text = JSON.stringify(
    value,
    function (this: Record<string, unknown>, key, shown: unknown) {
      // What a Buffer's own toJSON has not seen yet.
      const held = this[key];
      if (held instanceof Uint8Array) {
        const { buffer, byteOffset, byteLength } = held;
        return { [bytesKey]: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
      }
      if (typeof held === 'bigint') return String(held);
      if (typeof held === 'number' && !Number.isFinite(held)) return String(held);
      return shown;
    },
    indent,
  );
  return text ?? 'null';
}

/** What may help who types it. */
export const inShell = `; in a shell it stands in single quotes: '{"path":"a"}'`;

/**
 * The value of a JSON text; `{"$base64":"…"}` becomes bytes.
 *
 * @param advice behind what is wrong
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function fromJson(what: string, text: string, advice = ''): unknown {
  try {
    return JSON.parse(text, (_, value: unknown) => bytesOf(value) ?? value);
  } catch (error) {
    throw optionError(`${what} is not JSON: ${messageOf(error)}${advice}`);
  }
}

function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const [key, ...others] = Object.keys(value);
  if (key !== bytesKey || others.length > 0) return undefined;
  const text = (value as Record<string, unknown>)[bytesKey];
  if (typeof text === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0) {
    return Buffer.from(text, 'base64');
  }
  throw new Error(`${bytesKey} has no base64`);
}
