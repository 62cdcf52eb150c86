const marker = Buffer.from('bzr message 3 (bzr 1.6)\n');

/** The verb of a request and its arguments: `get(path)`. */
export function nameOf(verb: string, args: readonly string[]): string {
  return `${verb}(${args.join()})`;
}

/**
 * Reads what a client sends, just far enough to tell where requests end and what each asks for. A
 * small reader of its own, and not holdfast's: what it counts is evidence for or against holdfast.
 */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** Takes bytes in; gives the names of the requests that end in them. */
  push(chunk: Buffer): string[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const names: string[] = [];
    for (;;) {
      const request = parse(this.#bytes);
      if (request === undefined) return names;
      names.push(request.name);
      this.#bytes = this.#bytes.subarray(request.endsAt);
    }
  }
}

/** The first request, if all of it is there. */
function parse(bytes: Buffer): { name: string; endsAt: number } | undefined {
  let position = afterLength(bytes, marker.length);
  let name = '';
  while (position < bytes.length) {
    const kind = String.fromCharCode(bytes[position] as number);
    if (kind === 'e') return { name, endsAt: position + 1 };
    if (kind === 'o') {
      position += 2;
      continue;
    }
    const end = afterLength(bytes, position + 1);
    if (kind === 's' && end <= bytes.length) name ||= told(bytes.subarray(position + 5, end));
    position = end;
  }
  return undefined;
}

/** Where what begins with its length ends; beyond all bytes if that has not come yet. */
function afterLength(bytes: Buffer, at: number): number {
  return at + 4 > bytes.length ? Number.POSITIVE_INFINITY : at + 4 + bytes.readUInt32BE(at);
}

/** Bencoded words, `l3:get4:pathe`, as a name. */
function told(bencoded: Buffer): string {
  const text = bencoded.toString('latin1');
  const words: string[] = [];
  for (let at = 1; text[at] !== 'e' && at < text.length; ) {
    const colon = text.indexOf(':', at);
    const end = colon + 1 + Number(text.slice(at, colon));
    words.push(text.slice(colon + 1, end));
    at = end;
  }
  const [verb = '', ...args] = words;
  return nameOf(verb, args);
}
