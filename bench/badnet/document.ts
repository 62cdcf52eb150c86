/** Bytes of a document. */
const documentBytes = 7_000;

/** A JSON document of 7 kB, another one for each number. */
export function documentOf(number: number): string {
  const head = `{"document":${number},"rows":["`;
  const tail = '"]}';
  const row = `row of document ${number}, which somebody waits for","`;
  const room = documentBytes - head.length - tail.length;
  return `${head}${row.repeat(Math.ceil(room / row.length)).slice(0, room - 1)}.${tail}`;
}
